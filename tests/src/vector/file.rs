//! Reads vectors from files, and refuses what no runner could make sense of.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{Case, Endpoint, Exchange};

/// Why there are no vectors.
#[derive(Debug, Error)]
pub enum VectorError {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not the format.
    #[error("{}: {source}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A case makes no sense.
    #[error("{name}: {why}")]
    Senseless {
        /// The case.
        name: String,
        /// Why.
        why: &'static str,
    },
}

/// The cases of this repository's `tests/contract`.
pub fn load_all() -> Result<Vec<Case>, VectorError> {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("contract"))
}

/// The cases of all `*.json` in a folder, in the order of the files' names.
pub fn load(folder: &Path) -> Result<Vec<Case>, VectorError> {
    let unreadable = |path: &Path, source| VectorError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let listing = fs::read_dir(folder).map_err(|source| unreadable(folder, source))?;
    let mut files = listing
        .map(|entry| entry.map(|it| it.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| unreadable(folder, source))?;
    files.retain(|path| path.extension().is_some_and(|it| it == "json"));
    files.sort();
    let mut cases = Vec::new();
    for path in files {
        let text = fs::read(&path).map_err(|source| unreadable(&path, source))?;
        let read: Vec<Case> = serde_json::from_slice(&text)
            .map_err(|source| VectorError::Malformed { path, source })?;
        cases.extend(read);
    }
    check(&cases)?;
    Ok(cases)
}

fn check(cases: &[Case]) -> Result<(), VectorError> {
    let mut names = HashSet::new();
    for case in cases {
        let senseless = |why| VectorError::Senseless {
            name: case.name.clone(),
            why,
        };
        if !is_name(&case.name) {
            return Err(senseless(
                "a name is of a-z, 0-9 and -, and begins with none of the last",
            ));
        }
        if !names.insert(&case.name) {
            return Err(senseless("the name is used twice"));
        }
        if case.endpoint == Some(Endpoint::Closed) && exchanges(case).next().is_some() {
            return Err(senseless("nothing arrives at a closed port"));
        }
        for exchange in exchanges(case) {
            let request = &exchange.request;
            if !["GET", "POST", "PUT", "DELETE"].contains(&request.method.as_str()) {
                return Err(senseless("the contract has no such method"));
            }
            if !request.path.starts_with('/') {
                return Err(senseless("a path begins with a slash"));
            }
            if request
                .headers
                .keys()
                .any(|name| *name != name.to_lowercase())
            {
                return Err(senseless("names of headers are written in lower case"));
            }
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name
            .bytes()
            .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
}

fn exchanges(case: &Case) -> impl Iterator<Item = &Exchange> {
    case.before
        .iter()
        .flat_map(|it| &it.exchanges)
        .chain(&case.exchanges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(text: &str) -> Result<(), VectorError> {
        check(&serde_json::from_str::<Vec<Case>>(text).unwrap())
    }

    fn case(name: &str, more: &str) -> String {
        format!(
            r#"{{"name":"{name}","about":"","exchanges":[],"result":{{"none":true}},
                "call":{{"operation":"services.delete","arguments":{{"id":"s"}}}}{more}}}"#
        )
    }

    #[test]
    fn names_are_plain_and_unique() {
        assert!(cases(&format!("[{},{}]", case("a-1", ""), case("b", ""))).is_ok());
        assert!(cases(&format!("[{},{}]", case("a", ""), case("a", ""))).is_err());
        for name in ["", "-", "A", "a/b", "a~b", "ü"] {
            assert!(cases(&format!("[{}]", case(name, ""))).is_err(), "{name}");
        }
    }

    #[test]
    fn a_misspelt_key_is_no_case() {
        let text = format!("[{}]", case("a", r#","exchange":[]"#));
        assert!(serde_json::from_str::<Vec<Case>>(&text).is_err());
    }

    #[test]
    fn the_repositorys_own_are_sound() {
        assert!(!load_all().unwrap().is_empty());
    }
}
