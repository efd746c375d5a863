//! Many servers that start at the same time on a database that is empty.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    process::{Output, Stdio},
    thread,
    time::Duration,
};

use super::{
    house::House,
    ledger::new_phone,
    postgres,
    program::{Printed, Served, account_in, pin, run, said, verigator},
};

/// Processes that start at once.
const MANY: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_make_the_tables_and_the_key_once() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let url = postgres::database().await;
        let printed = Printed::default();
        let starting: Vec<_> = (0..MANY)
            .map(|n| {
                let (at, url, printed) = (folder.path().to_owned(), url.clone(), printed.clone());
                thread::spawn(move || {
                    if n % 4 == 3 {
                        let output = run(&at, &["migrate", "--store", &url]);
                        assert!(output.status.success(), "{}", said(&output.stderr));
                        None
                    } else {
                        Some(Served::start(&at, &["--store", &url], &printed))
                    }
                })
            })
            .collect();
        let started = starting.into_iter().map(|it| it.join().unwrap());
        let servers: Vec<Served> = started.flatten().collect();
        assert_eq!(servers.len(), MANY - 2);

        let database = postgres::client(&url).await;
        let once = "SELECT (SELECT count(*) FROM schema_version), (SELECT count(*) FROM key_check)";
        let row = database.query_one(once, &[]).await.unwrap();
        assert_eq!((row.get(0), row.get(1)), (1_i64, 1_i64));
        let mut names: Vec<_> = (folder.path().read_dir().unwrap())
            .map(|it| it.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["verigator.key"], "nothing else is left");

        // What one of them wrote with the key, another reads.
        let store = ["--store", &url];
        let auth = format!("shop:{}", account_in(folder.path(), "shop", &store));
        let clients: Vec<_> = servers.iter().map(|it| it.client(&auth)).collect();
        let service = clients[0].service("shop").await;
        for client in &clients {
            let phone = new_phone();
            let body = serde_json::json!({"phone_number": phone, "id_in_service": phone});
            let users = format!("{service}/users");
            let made = client.send("POST", &users, body).await;
            let user = format!("{users}/{}", made.json()["id"].as_str().unwrap());
            assert_eq!(clients[1].initiate(&user, "sms").await.status, 201);
            let pin = pin(&printed, &phone).await.unwrap();
            let verified = clients[2].verify(&user, &pin).await.json();
            assert_eq!(verified["verified"], true);
        }
    }
}

/// One has made the file of the key, and has not written it yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_another_is_about_to_write_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let url = postgres::database().await;
    let path = folder.path().join("verigator.key");
    let mut key = File::options();
    key.create_new(true).write(true).mode(0o600);
    let mut key = key.open(&path).unwrap();
    let mut list = verigator(folder.path(), &["account", "list", "--store", &url]);
    let mut listing = list.stdout(Stdio::null()).spawn().unwrap();
    let has_key = "SELECT count(*) FROM pg_tables WHERE tablename = 'key_check'";
    let database = postgres::client(&url).await;
    while database
        .query_one(has_key, &[])
        .await
        .unwrap()
        .get::<_, i64>(0)
        == 0
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    key.write_all("00".repeat(32).as_bytes()).unwrap();
    assert!(listing.wait().unwrap().success());
}

/// Each with a key of its own: one of them makes the database its own, and the others say why they
/// end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_same_key_all_but_one_are_refused() {
    let url = postgres::database().await;
    let starting: Vec<_> = (0..MANY)
        .map(|_| {
            let url = url.clone();
            thread::spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                let list = ["account", "list", "--store", &url];
                run(folder.path(), &list)
            })
        })
        .collect();
    let ended = starting.into_iter().map(|it| it.join().unwrap());
    let (ok, refused): (Vec<Output>, Vec<Output>) = ended.partition(|it| it.status.success());
    assert_eq!((ok.len(), refused.len()), (1, MANY - 1));
    let why = format!(
        "verigator: cannot open postgres://{}: the server's key is not the one this database was \
         written with; all servers of a database need the same\n",
        url.split_once('@').unwrap().1
    );
    let no_key = "verigator: verigator.key is not there, and the database was written with a key: \
                  bring the file that was made with the database\n";
    for output in refused {
        let said = said(&output.stderr);
        assert!(said == why || said == no_key, "{said}");
        assert_eq!(output.status.code(), Some(2));
    }
}

/// A key that only one process was given is refused by the others, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_another_key_does_not_start() {
    let house = House::new().await;
    let _first = house.serve();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--store", &house.url];
    let mut command = verigator(house.path(), &serve);
    command.env("VERIGATOR_KEY", "11".repeat(32));
    let output = command.stdout(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output.stderr);
    assert!(said.contains("the server's key is not the one"), "{said}");
}
