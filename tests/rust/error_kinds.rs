//! The vectors and the client's table of errors know the same kinds and the same operations.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    mem::discriminant,
};

use verigator::ErrorKind;
use verigator_tests::vector::{self, Case, Expected, Failure};

/// Kinds that no request and no answer leads to, with the reason.
const WITHOUT_VECTOR: &[(ErrorKind, &str)] = &[
    (
        ErrorKind::Closed,
        "closing a client is an act of its own in each language",
    ),
    (
        ErrorKind::Bug,
        "a fault that somebody knows how to cause is repaired, not kept",
    ),
];

fn failures(cases: &[Case]) -> impl Iterator<Item = &Failure> {
    cases.iter().filter_map(|case| match &case.result {
        Expected::Error(failure) => Some(failure),
        _ => None,
    })
}

#[test]
fn every_kind_has_a_vector_or_a_reason() {
    let cases = vector::load_all().unwrap();
    let seen: BTreeSet<&str> = failures(&cases).map(|it| it.kind.as_str()).collect();
    for kind in ErrorKind::ALL {
        let reason = WITHOUT_VECTOR.iter().find(|(it, _)| it == kind);
        match reason {
            None => assert!(seen.contains(kind.word()), "no vector leads to {kind:?}"),
            Some((_, reason)) => {
                assert!(
                    !seen.contains(kind.word()),
                    "{kind:?} has a vector, whatever {reason}"
                );
            }
        }
    }
}

#[test]
fn vectors_name_kinds_and_classes_as_the_client_does() {
    let table: BTreeMap<&str, &str> = ErrorKind::ALL
        .iter()
        .map(|kind| (kind.word(), kind.class_name()))
        .collect();
    for failure in failures(&vector::load_all().unwrap()) {
        assert_eq!(
            table.get(failure.kind.as_str()),
            Some(&failure.class.as_str()),
            "{failure:?}"
        );
    }
}

#[test]
fn every_outcome_has_a_vector() {
    let cases = vector::load_all().unwrap();
    let seen: BTreeSet<&str> = failures(&cases).map(|it| it.outcome.as_str()).collect();
    assert_eq!(
        seen,
        BTreeSet::from(["accepted", "not_sent", "rejected", "unknown"])
    );
}

#[test]
fn every_operation_has_a_success_and_a_failure() {
    let mut succeeded = HashSet::new();
    let mut failed = HashSet::new();
    for case in vector::load_all().unwrap() {
        let operation = discriminant(&case.call.operation);
        match case.result {
            Expected::Error(_) => failed.insert(operation),
            _ => succeeded.insert(operation),
        };
    }
    assert_eq!(succeeded.len(), 14, "the interface has 14 operations");
    assert_eq!(succeeded, failed);
}
