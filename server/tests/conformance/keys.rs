//! Idempotency keys.

use super::*;

pub(super) fn claim(account: Uuid, key: &str, request: u8, second: i64) -> Claim {
    let (id, key) = (Uuid::new_v4(), key.into());
    let day = Duration::from_hours(24);
    Claim::new(id, account, key, [request; 32], at(KEYS + second), day)
}

pub(super) async fn keys(store: &Shared) {
    let (mine, other) = (account(store).await, account(store).await);
    let answer = StoredAnswer {
        status: 201,
        body: b"{\"a\":1}".to_vec(),
    };
    let first = claim(mine, "k", 1, 0);
    assert!(matches!(
        store.claim_key(&first).await.unwrap(),
        Claimed::Run
    ));
    let claimed = async |claim: Claim| store.claim_key(&claim).await.unwrap();
    assert!(matches!(
        claimed(claim(mine, "k", 1, 1)).await,
        Claimed::InProgress
    ));
    assert!(matches!(
        claimed(claim(mine, "k", 2, 1)).await,
        Claimed::Reused
    ));
    assert!(matches!(
        claimed(claim(other, "k", 2, 1)).await,
        Claimed::Run
    ));
    assert!(matches!(
        claimed(claim(mine, "K", 2, 1)).await,
        Claimed::Run
    ));
    store.keep_answer(&first, &answer).await.unwrap();

    // A key that was given back, and one whose process died.
    let given_back = claim(mine, "b", 1, 0);
    claimed(given_back.clone()).await;
    store.abandon_key(&given_back).await.unwrap();
    let dead = claim(mine, "b", 2, 0);
    assert!(matches!(
        store.claim_key(&dead).await.unwrap(),
        Claimed::Run
    ));
    assert!(matches!(
        claimed(claim(mine, "b", 2, 59)).await,
        Claimed::InProgress
    ));
    let heir = claim(mine, "b", 2, 60);
    assert!(matches!(
        store.claim_key(&heir).await.unwrap(),
        Claimed::Run
    ));
    // The dead one comes back late: it neither answers for its heir nor frees the key.
    store.keep_answer(&dead, &answer).await.unwrap();
    store.abandon_key(&dead).await.unwrap();
    assert!(matches!(
        claimed(claim(mine, "b", 2, 61)).await,
        Claimed::InProgress
    ));

    // Later than all the above: what is over by then may be gone at any time.
    for second in [1, 86_399] {
        let Claimed::Replay(kept) = claimed(claim(mine, "k", 1, second)).await else {
            panic!("not replayed");
        };
        assert!(kept == answer);
        assert!(matches!(
            claimed(claim(mine, "k", 2, second)).await,
            Claimed::Reused
        ));
    }
    // After a day the key is free, also for another request.
    assert!(matches!(
        claimed(claim(mine, "k", 2, 86_400)).await,
        Claimed::Run
    ));
}
