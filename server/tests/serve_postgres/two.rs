//! Two servers behind one address, one of which dies.

use std::time::Duration;

use super::{crowd::Crowd, house::House, proxy::Proxy};

/// Once it stands, whoever has sent a message asks whether it may say so.
const ASKED: &str = "
    CREATE FUNCTION settle() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RETURN OLD; END $$;
    CREATE TRIGGER settle BEFORE DELETE ON outbox FOR EACH ROW EXECUTE FUNCTION settle()";
/// Nobody may.
const REFUSED: &str = "
    CREATE OR REPLACE FUNCTION settle() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$";
/// Everybody may again.
const ALLOWED: &str = "
    CREATE OR REPLACE FUNCTION settle() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RETURN OLD; END $$";

/// Once it stands, messages fall due together, at every full second.
const TOGETHER: &str = "
    CREATE FUNCTION together() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN NEW.due = (NEW.due / 1000000 + 1) * 1000000; RETURN NEW; END $$;
    CREATE TRIGGER together BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION together()";

/// A message that was on its way is nobody else's for longer than this.
const LEASE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_is_killed_in_mid_load_and_the_other_has_lost_nothing() {
    let house = House::new().await;
    house.database.batch_execute(ASKED).await.unwrap();
    let (mut one, two) = (house.serve(), house.serve());
    let balancer = Proxy::start(vec![one.address(), two.address()]).await;
    let url = format!("http://{}", balancer.address());
    let mut crowd = Crowd::gather(&house, &url, 48).await;
    crowd.sign_in(150).await;

    // Killed with messages that it has sent, and could not say so; the other has such, too.
    let dead = one.child.id();
    let printed_by = |server: u32| {
        let printed = house.printed.lock().unwrap();
        printed
            .values()
            .flatten()
            .filter(|it| it.by == server)
            .count()
    };
    house.database.batch_execute(REFUSED).await.unwrap();
    let before = printed_by(dead);
    let leased = "SELECT count(*) FROM outbox WHERE lease IS NOT NULL";
    while house.value::<i64>(leased).await < 30 || printed_by(dead) < before + 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(one.end("-KILL"), None);
    house.database.batch_execute(ALLOWED).await.unwrap();

    crowd.sign_in(150).await;
    let (ledger, failures) = crowd.end().await;
    assert!(
        failures.len() <= 48,
        "each had no more than one call in the dead one: {failures:?}"
    );
    house.until_all_is_sent().await;
    let audit = ledger
        .audit(&house.client(&two), &house.printed, Duration::from_secs(1))
        .await;
    assert!(audit.verified >= 300);

    let mut twice = 0;
    for prints in house.printed.lock().unwrap().values() {
        assert!(prints.len() <= 2, "sent {} times", prints.len());
        if let [first, second] = &prints[..] {
            assert_eq!(first.by, dead, "a live server's message was sent again");
            assert!(second.at - first.at >= LEASE, "sent again at once");
            twice += 1;
        }
    }
    assert!(twice > 0, "no message was on its way in the dead one");
}

/// Both look for what is due at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_look_at_the_same_time_send_each_message_once() {
    let house = House::new().await;
    house.database.batch_execute(TOGETHER).await.unwrap();
    let (one, two) = (house.serve(), house.serve());
    let balancer = Proxy::start(vec![one.address(), two.address()]).await;
    let url = format!("http://{}", balancer.address());
    let mut crowd = Crowd::gather(&house, &url, 64).await;
    crowd.sign_in(400).await;
    let (_, failures) = crowd.end().await;
    assert!(failures.is_empty(), "{failures:?}");
    house.until_all_is_sent().await;
    let by_both = [one.child.id(), two.child.id()];
    let printed = house.printed.lock().unwrap();
    for prints in printed.values() {
        assert_eq!(prints.len(), 1, "two live servers sent it");
    }
    for by in by_both {
        let sent = printed.values().flatten().filter(|it| it.by == by).count();
        assert!(sent > 50, "one of them sent only {sent}");
    }
}
