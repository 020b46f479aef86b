//! The Rust SDK of Flagsmith, as published, against an edge that serves `tests/fixtures/sdk.json`.
//!
//!     sdk-check --client-key K --server-key ser.S [--hiding-key K] [--edge URL]
//!
//! With `--ofrep [--removed-key K]` behind these, OpenFeature's OFREP provider is checked in its place (`ofrep.rs`).
//! With `--matrix QUESTIONS EDGE DOCUMENTS`, reads the documents of `tests/sdk/matrix` instead.
//!
//! Uses the SDK's public interface alone; every request passes a tap. Prints every failure; the last line says how
//! many checks passed and failed, and the exit code is 1 if any failed.

mod cases;
mod checks;
mod ofrep;
mod parts;
#[path = "../matrix/rust/reading.rs"]
mod reading;
mod tap;

use std::process::ExitCode;

use checks::Checks;

/// Where the edge is, and the keys it knows.
pub struct Options {
    pub edge: String,
    pub client_key: String,
    pub server_key: String,
    /// The client-side key of a copy of the environment that hides disabled flags.
    pub hiding_key: Option<String>,
    /// The client-side key of an environment that was removed.
    pub removed_key: Option<String>,
    /// Whether OpenFeature's provider is checked.
    is_ofrep: bool,
}

/// A part of the checks, by its name.
type Part = (&'static str, fn(&mut Checks, &Options));

reading::sdk!(answers, flagsmith, flagsmith_flag_engine, |identifier, traits, client| {
    use flagsmith::flagsmith::models::SDKTrait;
    let traits = traits.into_iter().map(|(name, value)| SDKTrait::new(name, value)).collect();
    client.get_identity_flags(identifier, Some(traits), None)
});

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [option, file, edge, documents] = arguments.as_slice()
        && option == "--matrix"
    {
        let ask = |questions: &_, document: &_| reading::asked(answers, questions, document, edge, documents);
        reading::each(file, ask);
        return ExitCode::SUCCESS;
    }
    let options = match read_options() {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!(
                "{wrong}\nusage: sdk-check --client-key K --server-key ser.S [--hiding-key K] [--removed-key K] [--ofrep] [--edge URL]"
            );
            return ExitCode::from(2);
        }
    };
    let mut checks = Checks::default();
    let ofrep: &[Part] = &[
        ("every_situation", ofrep::every_situation),
        ("getters_of_other_types", ofrep::getters_of_other_types),
        ("keys", ofrep::keys),
        ("an_edge_that_is_away", ofrep::an_edge_that_is_away),
    ];
    let flagsmith: &[Part] = &[
        ("environment_flags", parts::environment_flags),
        ("situations_evaluated_remotely", parts::situations_evaluated_remotely),
        ("situations_evaluated_locally", parts::situations_evaluated_locally),
        ("remote_equals_local", parts::remote_equals_local),
        ("disabled_flags_are_hidden", parts::disabled_flags_are_hidden),
        ("wrong_keys", parts::wrong_keys),
        ("analytics", parts::analytics),
    ];
    for (name, part) in if options.is_ofrep { ofrep } else { flagsmith } {
        checks.part(name, |checks| part(checks, &options));
    }
    checks.finish()
}

fn read_options() -> Result<Options, String> {
    let mut options = Options {
        edge: "http://127.0.0.1:7676".to_owned(),
        client_key: String::new(),
        server_key: String::new(),
        hiding_key: None,
        removed_key: None,
        is_ofrep: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--ofrep" {
            options.is_ofrep = true;
            continue;
        }
        let value = arguments.next().ok_or(format!("{name}: no value"))?;
        match name.as_str() {
            "--edge" => options.edge = value,
            "--client-key" => options.client_key = value,
            "--server-key" => options.server_key = value,
            "--hiding-key" => options.hiding_key = Some(value),
            "--removed-key" => options.removed_key = Some(value),
            _ => return Err(format!("{name}: unknown")),
        }
    }
    if options.client_key.is_empty() || options.server_key.is_empty() {
        return Err("a key is missing".to_owned());
    }
    Ok(options)
}
