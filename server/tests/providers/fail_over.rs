//! Several providers and several tries, with a whole server around them.

use super::*;

/// The texts that a peer was sent.
fn texts(heard: &[Heard]) -> Vec<String> {
    let text = |it: &Heard| {
        let body = it.json();
        let text = body.get("text").unwrap_or(&body["messages"][0]["text"]);
        text.as_str().unwrap().to_owned()
    };
    heard.iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_asked_in_order_and_again_until_one_takes_it() {
    let clock = Arc::new(MovableClock::default());
    let first = Peer::start(&[errors(500, "104"), errors(400, "105")]).await;
    let second = Peer::start(&[Act::answer(503, ""), Act::answer(200, "")]).await;
    let third = Peer::start(&[Act::answer(404, "")]).await;
    let providers = [
        messente_at(&first.url(), &clock),
        webhook_at(&second.url(), &clock),
        webhook_at(&third.url(), &clock),
    ];
    let server = Server::start(&clock, &providers).await;
    server.initiate().await;
    second.wait_for(2).await;
    assert_eq!(server.left().await.len(), 0);
    let heard = [first.heard(), second.heard(), third.heard()];
    assert_eq!(heard.each_ref().map(Vec::len), [2, 2, 1]);
    let mut order: Vec<_> = heard.iter().flatten().map(|it| it.at).collect();
    order.sort_unstable();
    let asked = [
        &heard[0][0],
        &heard[1][0],
        &heard[2][0],
        &heard[0][1],
        &heard[1][1],
    ];
    assert_eq!(asked.map(|it| it.at).to_vec(), order);
    let texts: Vec<String> = heard.iter().flat_map(|it| texts(it)).collect();
    assert!(texts.iter().all(|it| *it == texts[0]), "{}", texts.len());
    let ids = [&heard[1][0], &heard[1][1], &heard[2][0]].map(|it| it.json()["id"].clone());
    assert!(ids[0] == ids[1] && ids[1] == ids[2]);
    for (provider, outcome, n) in [
        ("messente", "failed", 2),
        ("webhook", "failed", 2),
        ("webhook", "sent", 1),
        ("messente", "sent", 0),
    ] {
        assert_eq!(
            server.delivered(provider, outcome).await,
            n,
            "{provider} {outcome}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_may_have_arrived_goes_on_only_if_asked_for() {
    for redeliver in [false, true] {
        let clock = Arc::new(MovableClock::default());
        let first = Peer::start(&[Act::Reset]).await;
        let second = Peer::start(&[Act::answer(200, "")]).await;
        let providers = [
            messente_at(&first.url(), &clock),
            webhook_at(&second.url(), &clock),
        ];
        let server = Server::start(&clock, &providers).await;
        server.app.courier.redelivering(redeliver);
        server.initiate().await;
        assert_eq!(server.left().await.len(), 0);
        assert_eq!(second.heard().len(), usize::from(redeliver));
        assert_eq!(server.delivered("messente", "unknown").await, 1);
    }
}

/// A server with a provider that is busy, and one start that it was asked for and asks for again.
async fn waiting() -> (Server, Peer) {
    let clock = Arc::new(MovableClock::default());
    let peer = Peer::start(&[Act::answer(503, "")]).await;
    let server = Server::start(&clock, &[messente_at(&peer.url(), &clock)]).await;
    server.initiate().await;
    assert!(!peer.heard().is_empty());
    (server, peer)
}

/// Longer than until the next try.
const A_WHILE: Duration = Duration::from_millis(2_500);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_out_once_its_pin_is_dead() {
    let (server, peer) = waiting().await;
    server.clock.advance(Duration::from_mins(10));
    let asked = peer.heard().len();
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(server.left().await.len(), 0, "given up");
    assert_eq!(peer.heard().len(), asked);
}

/// With a new PIN at each start, the old message would bring one that is dead.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_waits_for_another_try_is_replaced_by_the_next_start() {
    let (server, peer) = waiting().await;
    server.initiate().await;
    let asked = peer.heard().len();
    assert_ne!(texts(&peer.heard())[0], texts(&peer.heard())[asked - 1]);
    peer.then(taken());
    peer.wait_for(asked + 1).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(server.left().await.len(), 0);
    let texts = texts(&peer.heard());
    assert_eq!(texts.len(), asked + 1, "the first was sent again");
    let pin = texts[asked].split(' ').next().unwrap();
    let verified = server.client.verify(&server.user, pin).await;
    assert_eq!(verified.json()["verified"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_written_to_once_removed() {
    let (server, peer) = waiting().await;
    let removed = server.client.raw("DELETE", &server.user, "").await;
    assert_eq!(removed.status, 202);
    let asked = peer.heard().len();
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(peer.heard().len(), asked);
}
