//! `docs/security-properties.md` names tests that exist.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn every_test_that_the_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/security-properties.md")).unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    let named: BTreeSet<(&str, &str)> = quoted.filter_map(|it| it.split_once("::")).collect();
    for (file, test) in &named {
        let path = root.join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{file} is not there"));
        let is_there = ["fn ", "def "]
            .iter()
            .any(|word| text.contains(&format!("{word}{test}(")));
        assert!(is_there, "{test} is not in {file}");
    }
    assert!(named.len() > 40, "only {} tests are named", named.len());
}
