//! What was checked: failures are printed as they come, and all is counted.

use std::process::ExitCode;

use serde_json::{Map, Value};

#[derive(Default)]
pub struct Checks {
    passed: u32,
    failed: u32,
}

impl Checks {
    /// Compares whole values; of two objects, only the members that differ are printed.
    pub fn equal(&mut self, what: &str, got: impl Into<Value>, expected: impl Into<Value>) {
        let (got, expected) = (got.into(), expected.into());
        if got == expected {
            self.passed += 1;
            return;
        }
        self.failed += 1;
        let (got, expected) = match (&got, &expected) {
            (Value::Object(a), Value::Object(b)) => (difference(a, b), difference(b, a)),
            _ => (got, expected),
        };
        println!("FAIL {what}\n     got {got}\n     expected {expected}");
    }

    /// Runs a part, and prints its counts.
    pub fn part(&mut self, name: &str, part: impl FnOnce(&mut Checks)) {
        let (passed, failed) = (self.passed, self.failed);
        part(self);
        println!("PART {name}: {} passed, {} failed", self.passed - passed, self.failed - failed);
    }

    /// Prints the last line.
    pub fn finish(&self) -> ExitCode {
        println!("{} passed, {} failed", self.passed, self.failed);
        ExitCode::from(u8::from(self.failed > 0))
    }
}

fn difference(of: &Map<String, Value>, to: &Map<String, Value>) -> Value {
    let differs = |(name, value): &(&String, &Value)| to.get(*name) != Some(value);
    let members = of.iter().filter(differs).map(|(name, value)| (name.clone(), value.clone()));
    Value::Object(members.collect())
}
