//! The invariants of the README that the manifests and the tree can show.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;
use tests::workspace;

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// What a package needs at run time.
fn dependencies(package: &str) -> BTreeSet<String> {
    let packages = packages();
    let package = packages.iter().find(|p| p["name"] == package).unwrap();
    let needed = package["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"].is_null());
    needed.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn crates_depend_downwards_only() {
    let own = [
        "engine",
        "api",
        "edge",
        "origin",
        "publisher",
        "collector",
        "doctor",
        "cli",
        "tests",
        "invariants",
        "fuzz",
    ];
    for (package, allowed) in [
        ("engine", vec![]),
        ("api", vec!["engine"]),
        ("edge", vec!["engine", "api"]),
        ("origin", vec!["api"]),
        ("publisher", vec!["engine", "api"]),
        ("collector", vec!["api"]),
        ("doctor", vec!["api"]),
        ("cli", vec!["engine", "api", "origin", "publisher", "collector", "doctor"]),
        ("tests", vec!["engine", "api", "origin", "publisher", "invariants"]),
        ("invariants", vec!["engine", "api"]),
        ("fuzz", vec!["invariants"]),
    ] {
        let used = dependencies(package);
        let used: Vec<&str> = own.into_iter().filter(|name| used.contains(*name)).collect();
        let beyond: Vec<&&str> = used.iter().filter(|name| !allowed.contains(*name)).collect();
        assert!(beyond.is_empty(), "{package} depends on {beyond:?}");
    }
}

#[test]
fn only_the_edge_names_fastly() {
    for package in packages() {
        let name = package["name"].as_str().unwrap().to_owned();
        assert_eq!(dependencies(&name).contains("fastly"), name == "edge", "{name}");
    }
}

/// Without `std` there is no input, output, clock or chance. Which crates it uses, its manifest says.
#[test]
fn the_engine_does_without_std() {
    let lib = fs::read_to_string(workspace().join("src/engine/lib.rs")).unwrap();
    assert!(lib.contains("#![no_std]"));
}

#[test]
fn the_top_level_holds_what_it_should() {
    let expected =
        ["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "fastly.toml", "scripts", "src", "tests", "vcl"];
    let output = Command::new("git").args(["ls-files"]).current_dir(workspace()).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let top: BTreeSet<&str> = listed.lines().filter_map(|path| path.split('/').next()).collect();
    let top: Vec<&str> = top.into_iter().filter(|name| !name.starts_with('.')).collect();
    assert_eq!(top, expected);
}

/// Pages whose numbered sections are cited, as in "`PROTOCOL.md`, 1.2 and 5.4".
const CITED: [&str; 2] = ["src/api/PROTOCOL.md", "src/engine/SEMANTICS.md"];

#[test]
fn cited_sections_exist() {
    let mut missing = Vec::new();
    for page in CITED {
        let text = fs::read_to_string(workspace().join(page)).unwrap();
        let sections: BTreeSet<&str> = text.lines().filter_map(section).collect();
        assert!(!sections.is_empty(), "{page} has no numbered section");
        let mut count = 0;
        for file in sources() {
            let text = fs::read_to_string(workspace().join(&file)).unwrap();
            for cited in cited_sections(&text, page) {
                count += 1;
                if !sections.contains(cited.as_str()) {
                    missing.push(format!("{file} cites {page}, {cited}"));
                }
            }
        }
        assert!(count > 0, "nothing cites {page}");
    }
    assert!(missing.is_empty(), "no such sections:\n{}", missing.join("\n"));
}

#[test]
fn citations_are_found() {
    let page = "src/api/PROTOCOL.md";
    for (text, expected) in [
        ("//! Keys (`PROTOCOL.md`, 1.1).", vec!["1.1"]),
        ("//! Keys (`src/api/PROTOCOL.md`,\n//! 1.1, 1.2 and 5), and 3 more.", vec!["1.1", "1.2", "5"]),
        ("/// As `PROTOCOL.md`, sections 4 and 5.2, tell.", vec!["4", "5.2"]),
        ("//! All of `PROTOCOL.md`; `OTHER.md`, 7.", vec![]),
        ("//! See `OTHER-PROTOCOL.md`, 7.", vec![]),
    ] {
        assert_eq!(cited_sections(text, page), expected, "{text}");
    }
}

/// The number of a section that a line of a page begins.
fn section(line: &str) -> Option<&str> {
    let number = line.strip_prefix('#')?.trim_start_matches('#').split_whitespace().next()?;
    number.starts_with(|c: char| c.is_ascii_digit()).then_some(number.trim_end_matches('.'))
}

/// The sections of a page that a source file cites, by the page's name or its path.
fn cited_sections(text: &str, page: &str) -> Vec<String> {
    let name = page.rsplit('/').next().unwrap();
    // A citation may go on in the next line of a comment.
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches(['/', '!', '#']).trim());
    let text = lines.collect::<Vec<&str>>().join(" ");
    let mut cited = Vec::new();
    for by in [format!("`{name}`"), format!("`{page}`")] {
        for rest in text.split(&by).skip(1) {
            let mut rest = rest;
            while let Some(next) = [", sections ", ", section ", ", ", " and "]
                .iter()
                .find_map(|joint| rest.strip_prefix(joint))
                .filter(|next| next.starts_with(|c: char| c.is_ascii_digit()))
            {
                let end = next.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(next.len());
                cited.push(next[..end].trim_end_matches('.').to_owned());
                rest = &next[end..];
            }
        }
    }
    cited
}

/// Every Rust file and every page of the tree, with its path in it.
fn sources() -> Vec<String> {
    let output =
        Command::new("git").args(["ls-files", "*.rs", "*.md"]).current_dir(workspace()).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    listed.lines().map(str::to_owned).filter(|path| workspace().join(path).exists()).collect()
}

/// The crates whose modules do not import in a circle. A folder is one module with the file of its name.
const WITHOUT_CIRCLES: [&str; 2] = ["src/api", "src/edge"];

#[test]
fn modules_do_not_import_in_a_circle() {
    for folder in WITHOUT_CIRCLES {
        let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let files = sources().into_iter().filter(|path| path.ends_with(".rs"));
        for file in files {
            let Some(path) = file.strip_prefix(folder).and_then(|path| path.strip_prefix('/')) else {
                continue;
            };
            let module = path.split('/').next().unwrap().trim_end_matches(".rs");
            if matches!(module, "tests" | "lib" | "main") {
                continue;
            }
            let text = fs::read_to_string(workspace().join(&file)).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let names = code.split("crate::").skip(1).map(|rest| {
                rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap().to_owned()
            });
            imports.entry(module.to_owned()).or_default().extend(names.filter(|name| name != module));
        }
        assert!(imports.len() > 1, "{folder} has no modules");
        // Modules that import no other are removed, one after the other. Those that stay are part of a circle, or
        // import one.
        loop {
            let ground = |needs: &BTreeSet<String>| !needs.iter().any(|name| imports.contains_key(name));
            let Some(module) = imports.iter().find(|(_, needs)| ground(needs)).map(|(name, _)| name.clone())
            else {
                break;
            };
            imports.remove(&module);
        }
        assert!(imports.is_empty(), "circles in {folder}, among {imports:#?}");
    }
}

/// The length that a newcomer reads in five minutes. Everything else is documented beside the crates.
const README_WORDS: usize = 1_300;

#[test]
fn the_readme_is_short() {
    let words = fs::read_to_string(workspace().join("README.md")).unwrap().split_whitespace().count();
    assert!(words <= README_WORDS, "README.md has {words} words");
}

/// The modules of the engine, layer by layer, the lowest first. A module imports from lower layers only.
const ENGINE_LAYERS: [&[&str]; 5] = [
    &["python", "options", "error", "limits", "work"],
    &["wire", "pattern"],
    &["compiled"],
    &["compile", "evaluate"],
    &["explain"],
];

#[test]
fn modules_of_the_engine_import_from_lower_layers_only() {
    let folder = workspace().join("src/engine");
    let layer = |module: &str| ENGINE_LAYERS.iter().position(|modules| modules.contains(&module));
    let mut upward = Vec::new();
    for file in files_under("src/engine", &["rs"]) {
        let path = file.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        let module = path.split(['/', '.']).next().unwrap().to_owned();
        if module == "lib" || module == "tests" {
            continue;
        }
        let own = layer(&module).unwrap_or_else(|| panic!("{path} is in no layer"));
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for imported in line.split("crate::").skip(1) {
                let imported = imported.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                let is_below = layer(imported).is_some_and(|layer| layer < own);
                if imported != module && !is_below {
                    upward.push(format!("{path}: {}", line.trim()));
                }
            }
        }
    }
    assert!(upward.is_empty(), "imports from the same layer or above:\n{}", upward.join("\n"));
}

/// The files of these kinds in a folder and the folders in it.
fn files_under(folder: &str, kinds: &[&str]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kinds.iter().any(|wanted| kind == *wanted)) {
                found.push(path);
            }
        }
    }
    found
}
