//! The package that is deployed, as Fastly's own command-line program makes it: without a network, without a token.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use tests::deployment::deployment_api;
use tests::{Tools, edge_with_health, installed, say, tools, workspace};

/// What the platform takes, in bytes (fastly-platform reference, 4.4).
const PACKAGE_LIMIT: u64 = 100 << 20;

/// Our own limit, far below the platform's: growth is to be noticed.
const WASM_LIMIT: usize = 2_500_000;

#[test]
fn the_wasm_is_small_and_has_no_local_api() {
    let Some(file) = installed("wasm32-wasip1/release/edge.wasm") else { return };
    let wasm = fs::read(file).unwrap();
    say(&format!("the edge's wasm has {} bytes; its limit is {WASM_LIMIT}", wasm.len()));
    assert!(wasm.len() < WASM_LIMIT, "{} bytes", wasm.len());
    for string in ["local-api", "local_api", "/resources/stores/", "Fastly-Key", "fastly-soft-purge"] {
        let found = wasm.windows(string.len()).any(|window| window == string.as_bytes());
        assert!(!found, "{string:?} is in the release package");
    }
}

/// Panic messages hold the places of the sources. Those of dependencies are absolute paths, unless `scripts/edge`
/// shortens them.
#[test]
fn the_wasm_names_no_path_of_the_machine_that_built_it() {
    let home = std::env::home_dir().unwrap().display().to_string();
    let checkout = workspace().canonicalize().unwrap().display().to_string();
    for flavour in ["wasm32-wasip1/release/edge.wasm", "local-edge/wasm32-wasip1/release/edge.wasm"] {
        let Some(file) = installed(flavour) else { return };
        let wasm = fs::read(file).unwrap();
        for path in [&format!("{home}/"), &format!("{checkout}/"), "/toolchains/"] {
            let at = wasm.windows(path.len()).position(|window| window == path.as_bytes());
            let found = at.map(|at| String::from_utf8_lossy(&wasm[at..wasm.len().min(at + 100)]));
            assert_eq!(found, None, "{path:?} is in {flavour}");
        }
    }
}

/// A local flavour that was deployed would let every client use the CPU and read the KV store. Here it looks for a
/// variable that Viceroy does not set: then Viceroy is the same to it as the platform.
#[test]
fn the_local_flavour_refuses_to_run_anywhere_but_under_viceroy() {
    const VARIABLE: &[u8] = b"FASTLY_HOSTNAME";
    let Some(tools) = tools() else { return };
    let mut wasm = fs::read(&tools.edge).unwrap();
    let places: Vec<usize> = wasm
        .windows(VARIABLE.len())
        .enumerate()
        .filter(|(_, name)| *name == VARIABLE)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "the local flavour does not ask where it runs");
    for at in places {
        wasm[at..at + VARIABLE.len()].copy_from_slice(b"FASTLY_NOTHING_");
    }
    let folder = TempDir::new().unwrap();
    let changed = folder.path().join("edge.wasm");
    fs::write(&changed, wasm).unwrap();
    let edge = edge_with_health(&Tools { edge: changed, ..tools }, 503);
    let text = "this is the local flavour of the edge, which runs only under Viceroy\n";
    let key = [("fastly-key", "local-publisher")];
    for (path, headers) in [
        ("/health", &[][..]),
        ("/api/v1/flags/", &[("jackstaff-measure", "1000")]),
        ("/resources/stores/kv/local/keys", &key),
    ] {
        let answer = edge.call("GET", path, headers, b"");
        assert_eq!((answer.status, String::from_utf8_lossy(&answer.body).as_ref()), (503, text), "{path}");
    }
}

/// `fastly compute build`, in the checkout itself, where cargo finds all built: a copy would build the edge anew.
pub(crate) fn builds(command: &str) {
    let Some(wasm) = installed("wasm32-wasip1/release/edge.wasm") else { return };
    let root = workspace();
    let manifest = fs::read(root.join("fastly.toml")).unwrap();
    // Nothing is added to the wasm: its bytes are those that the other tests saw.
    if !fastly(&root, &[&words(command), &["--non-interactive", "--metadata-disable"][..]].concat()) {
        return;
    }
    assert_package(&root.join("pkg/jackstaff.tar.gz"), &wasm);
    assert!(fastly(&root, &["compute", "validate", "--package", "pkg/jackstaff.tar.gz"]));
    assert!(fs::read(root.join("fastly.toml")).unwrap() == manifest, "fastly.toml was rewritten");
    for output in ["bin", "pkg"] {
        let ignored =
            Command::new("git").args(["check-ignore", "--quiet", output]).current_dir(&root).status();
        assert!(ignored.unwrap().success(), "{output} is not ignored by git");
    }
}

/// `fastly compute deploy`, in a folder of its own, since it rewrites `fastly.toml`: the package that was built last, to a
/// stand-in for Fastly's API.
pub(crate) fn deploys(command: &str) {
    let Some(package) = installed("../pkg/jackstaff.tar.gz") else { return };
    let (folder, api) = (TempDir::new().unwrap(), deployment_api());
    fs::create_dir(folder.path().join("pkg")).unwrap();
    fs::copy(&package, folder.path().join("pkg/jackstaff.tar.gz")).unwrap();
    fs::copy(workspace().join("fastly.toml"), folder.path().join("fastly.toml")).unwrap();
    let (arguments, url) =
        ([&words(command), &["--non-interactive", "--status-check-off"][..]].concat(), api.url());
    let variables = [
        ("FASTLY_API_TOKEN", "a-token"),
        ("FASTLY_API_ENDPOINT", &url),
        ("FASTLY_ACCOUNT_ENDPOINT", &url),
        ("NO_PROXY", "127.0.0.1"),
    ];
    if !run_fastly(folder.path(), &arguments, &variables) {
        return;
    }
    let calls = api.calls();
    let is_asked_for = |route: &str, body: &str| {
        let mut calls = calls.iter().filter(|call| call.route == route);
        assert!(
            calls.any(|call| String::from_utf8_lossy(&call.body).contains(body)),
            "{route} with {body}: {:?}",
            api.calls().into_iter().map(|call| call.route).collect::<Vec<String>>()
        );
    };
    // The stores are made, and linked by the name that the edge opens them by.
    is_asked_for("POST /resources/stores/kv", "jackstaff");
    is_asked_for("POST /resources/stores/config", "name=jackstaff");
    is_asked_for("POST /resources/stores/secret", "jackstaff");
    is_asked_for("POST /service/SERVICE/version/1/resource", "name=jackstaff&resource_id=KV_STORE");
    is_asked_for("POST /service/SERVICE/version/1/resource", "name=jackstaff&resource_id=SECRET_STORE");
    is_asked_for("POST /service/SERVICE/version/1/resource", "name=jackstaff&resource_id=CONFIG_STORE");
    is_asked_for("PUT /resources/stores/config/CONFIG_STORE/item/settings", "");
    is_asked_for("POST /service/SERVICE/version/1/backend", "name=origin");
    is_asked_for("PUT /service/SERVICE/version/1/activate", "");
    let sent = calls.iter().find(|call| call.route == "PUT /service/SERVICE/version/1/package").unwrap();
    let package = fs::read(package).unwrap();
    assert!(
        sent.body.windows(package.len()).any(|window| window == package),
        "not the package that was built"
    );
    let manifest = fs::read_to_string(folder.path().join("fastly.toml")).unwrap();
    assert!(manifest.contains(r#"service_id = "SERVICE""#), "{manifest}");
}

/// The arguments of a command.
fn words(command: &str) -> Vec<&str> {
    command.split(' ').skip(1).collect()
}

#[test]
fn compute_pack_takes_the_wasm_as_it_was_built() {
    let Some(wasm) = installed("wasm32-wasip1/release/edge.wasm") else { return };
    let folder = TempDir::new().unwrap();
    fs::copy(workspace().join("fastly.toml"), folder.path().join("fastly.toml")).unwrap();
    fs::copy(&wasm, folder.path().join("edge.wasm")).unwrap();
    if !fastly(folder.path(), &["compute", "pack", "--non-interactive", "--wasm-binary", "edge.wasm"]) {
        return;
    }
    assert_package(&folder.path().join("pkg/jackstaff.tar.gz"), &wasm);
    assert!(fastly(folder.path(), &["compute", "validate", "--package", "pkg/jackstaff.tar.gz"]));
}

/// Runs Fastly's program in a folder, without a token; false if it is not there. What it would fetch from the network, it
/// cannot.
#[track_caller]
fn fastly(folder: &Path, arguments: &[&str]) -> bool {
    run_fastly(folder, arguments, &[])
}

#[track_caller]
fn run_fastly(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> bool {
    let Some(program) = installed("tools/fastly/node_modules/.bin/fastly") else { return false };
    let home = TempDir::new().unwrap();
    let nowhere = "http://127.0.0.1:1";
    let output = Command::new(program.canonicalize().unwrap())
        .args(arguments)
        .current_dir(folder)
        .env_remove("FASTLY_API_TOKEN")
        .env("XDG_CONFIG_HOME", home.path())
        .envs([("HTTP_PROXY", nowhere), ("HTTPS_PROXY", nowhere), ("CARGO_NET_OFFLINE", "true")])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{text}");
    assert!(output.status.success(), "fastly {}: {}", arguments.join(" "), output.status);
    true
}

/// A package holds the wasm and the manifest, byte for byte, and nothing else.
#[track_caller]
fn assert_package(package: &Path, wasm: &Path) {
    assert!(fs::metadata(package).unwrap().len() < PACKAGE_LIMIT);
    let folder = TempDir::new().unwrap();
    let unpacked =
        Command::new("tar").arg("-xvzf").arg(package).arg("-C").arg(folder.path()).output().unwrap();
    assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
    let listed = String::from_utf8(unpacked.stdout).unwrap();
    let mut files: Vec<&str> = listed.lines().filter(|path| folder.path().join(path).is_file()).collect();
    files.sort_unstable();
    assert_eq!(files, ["jackstaff/bin/main.wasm", "jackstaff/fastly.toml"]);
    let originals = [wasm.to_owned(), workspace().join("fastly.toml")];
    for (file, original) in files.into_iter().zip(originals) {
        let (packed, original) = (fs::read(folder.path().join(file)).unwrap(), fs::read(original).unwrap());
        assert!(
            packed == original,
            "{file}: {} bytes, and not the {} it was made of",
            packed.len(),
            original.len()
        );
    }
}
