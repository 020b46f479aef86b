//! The `jackstaff` command-line program: arguments to calls.

mod collect;
mod columns;
mod dear;
mod doctor;
mod evaluate;
mod explain;
mod identity;
mod keys;
mod lint;
mod log;
mod origin;
mod origin_arguments;
mod plain_http;
mod probe;
mod publish;
mod serve;
mod serve_arguments;
mod source_arguments;
mod status;
mod target;
mod unpublish;
mod verdict;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Feature flags evaluated inside the CDN: the programs around the edge service.
#[derive(Parser)]
#[command(name = "jackstaff", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Collect(collect::Arguments),
    Doctor(doctor::Arguments),
    Evaluate(evaluate::Arguments),
    Explain(explain::Arguments),
    #[command(subcommand)]
    Identity(identity::Action),
    #[command(subcommand)]
    Keys(keys::Action),
    Lint(lint::Arguments),
    Origin(origin::Arguments),
    Probe(probe::Arguments),
    Publish(publish::Arguments),
    Serve(serve::Arguments),
    Status(status::Arguments),
    Unpublish(unpublish::Arguments),
    Watch(watch::Arguments),
}

/// Exit code of a wrong command line (`EX_USAGE`).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Printing fails only if the output is closed.
            let _ = error.print();
            return if error.use_stderr() { USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    match arguments.command {
        Command::Collect(arguments) => collect::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Identity(action) => identity::run(&action),
        Command::Keys(action) => keys::run(&action),
        Command::Lint(arguments) => lint::run(&arguments),
        Command::Origin(arguments) => origin::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Publish(arguments) => publish::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Unpublish(arguments) => unpublish::run(&arguments),
        Command::Watch(arguments) => watch::run(&arguments),
    }
}
