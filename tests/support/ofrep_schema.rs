//! Answers of OpenFeature's remote evaluation protocol, held against its published schema where that is present: the folder
//! that `OFREP_SCHEMAS` names, or `../shared/ofrep` beside this repository.
//!
//! Another package's tests include this file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, fs};

use jsonschema::Validator;
use serde_json::{Value, json};

/// Stands before every path of the protocol.
const BASE: &str = "/ofrep/v1/evaluate/flags";

/// By the path in the document, and the status.
type Validators = BTreeMap<(&'static str, u16), Validator>;

static VALIDATORS: LazyLock<Option<Validators>> = LazyLock::new(|| Some(validators(&document()?)));

/// Where the schema is looked for.
pub fn schema_file() -> PathBuf {
    let beside =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|dir| dir.join("Cargo.lock").is_file());
    let beside = beside.unwrap().join("../shared/ofrep");
    env::var_os("OFREP_SCHEMAS").map_or(beside, PathBuf::from).join("openapi.yaml")
}

/// Whether the schema is there.
pub fn is_present() -> bool {
    VALIDATORS.is_some()
}

/// Fails if an answer is not as the schema has it. Answers of other protocols, and those without a schema, are passed over.
#[track_caller]
pub fn assert_valid(path: &str, status: u16, body: &[u8]) {
    let Some(validators) = &*VALIDATORS else { return };
    let path = path.split('?').next().unwrap();
    let Some(rest) = path.strip_prefix(BASE) else { return };
    let path = if rest.trim_matches('/').is_empty() { BULK } else { ONE };
    if status == 304 {
        assert!(body.is_empty(), "a 304 has a body");
        return;
    }
    let validator = validators.get(&(path, status)).or_else(|| validators.get(&(path, 500))).unwrap();
    let text = String::from_utf8_lossy(body);
    let answer: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {text}"));
    let wrong: Vec<String> =
        validator.iter_errors(&answer).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{path} {status}: {text}:\n{}", wrong.join("\n"));
}

const ONE: &str = "/ofrep/v1/evaluate/flags/{key}";
const BULK: &str = BASE;

/// The document, with two patches.
pub fn document() -> Option<Value> {
    let text = fs::read_to_string(schema_file()).ok()?;
    let mut document: Value = serde_saphyr::from_str(&text).unwrap();
    let schemas = &mut document["components"]["schemas"];
    // As published, the schema refuses every flag with a value: `codeDefaultFlag` has no `value`, by its
    // description, but it matches flags that have one; and a whole number is an integer as well as a float. So more than
    // one branch of a `oneOf` would match.
    schemas["codeDefaultFlag"]["not"] = json!({ "required": ["value"] });
    let flag = schemas["evaluationSuccess"]["allOf"][1].as_object_mut().unwrap();
    let branches = flag.remove("oneOf").unwrap();
    flag.insert("anyOf".to_owned(), branches);
    Some(document)
}

/// A validator for each answer that the document describes. Errors that it has no answer for are checked as those of 500.
fn validators(document: &Value) -> Validators {
    let mut validators = Validators::new();
    for path in [ONE, BULK] {
        for (status, answer) in document["paths"][path]["post"]["responses"].as_object().unwrap() {
            let Some(schema) = answer.pointer("/content/application~1json/schema") else { continue };
            let mut schema = schema.clone();
            schema["components"] = document["components"].clone();
            let validator = jsonschema::draft202012::new(&schema).unwrap();
            validators.insert((path, status.parse().unwrap()), validator);
        }
    }
    assert!(validators.len() >= 7, "{:?}", validators.keys());
    validators
}
