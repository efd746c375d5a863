//! Accounts, services and users.

use super::*;

pub(super) async fn accounts(store: &Shared) {
    store.ready().await.unwrap();
    let made = new_account();
    let name = &made.username;
    assert!(store.account(name).await.unwrap().is_none());
    for refused in [
        store.set_password(name, "new").await,
        store.disable_account(name).await,
    ] {
        assert_eq!(refusal(refused), Refusal::AccountNotFound);
    }
    store.create_account(&made).await.unwrap();
    let found = async || store.account(name).await.unwrap().unwrap();
    let old = found().await;
    assert_eq!(
        (old.id, old.password_hash, old.disabled),
        (made.id, made.password_hash.clone(), false)
    );
    let again = Account {
        id: Uuid::new_v4(),
        ..made.clone()
    };
    assert_eq!(
        refusal(store.create_account(&again).await),
        Refusal::AccountExists
    );

    assert_eq!(store.set_password(name, "new").await.unwrap(), made.id);
    assert_eq!(found().await.password_hash, "new");
    assert_eq!(store.disable_account(name).await.unwrap(), made.id);
    assert!(found().await.disabled);
    let other = new_account();
    store.create_account(&other).await.unwrap();
    let all = store.accounts().await.unwrap();
    let names: Vec<&str> = all.iter().map(|it| it.username.as_str()).collect();
    assert!(names.is_sorted(), "{names:?}");
    for (account, disabled) in [(&made, true), (&other, false)] {
        let listed = all.iter().find(|it| it.id == account.id).unwrap();
        assert_eq!(listed.disabled, disabled);
    }
}

pub(super) async fn services(store: &Shared) {
    let (mine, other) = (account(store).await, account(store).await);
    let made = store
        .create_service(&new_service(mine, "Shop", "shop.ee"))
        .await
        .unwrap();
    let scope = ServiceScope {
        account: mine,
        service: made.id,
    };
    assert_eq!(store.service(scope).await.unwrap(), made);
    assert_eq!((made.name.as_str(), made.created_at), ("Shop", at(1)));

    // A name and a domain are taken in one account and free in the next.
    let same_name = new_service(mine, "Shop", "other.ee");
    assert_eq!(
        refusal(store.create_service(&same_name).await),
        Refusal::ServiceExists
    );
    let same_fqdn = new_service(mine, "Other", "shop.ee");
    assert_eq!(
        refusal(store.create_service(&same_fqdn).await),
        Refusal::ServiceExists
    );
    store
        .create_service(&new_service(other, "Shop", "shop.ee"))
        .await
        .unwrap();

    let foreign = ServiceScope {
        account: other,
        ..scope
    };
    assert_eq!(
        refusal(store.service(foreign).await),
        Refusal::ServiceForbidden
    );
    assert_eq!(
        refusal(store.users(foreign).await),
        Refusal::ServiceForbidden
    );
    assert_eq!(
        refusal(store.delete_service(foreign).await),
        Refusal::ServiceForbidden
    );
    let user = new_user("jo");
    assert_eq!(
        refusal(store.create_user(foreign, &user).await),
        Refusal::ServiceForbidden
    );

    let user = store.create_user(scope, &user).await.unwrap();
    store.delete_service(scope).await.unwrap();
    assert_eq!(
        refusal(store.service(scope).await),
        Refusal::ServiceNotFound
    );
    assert_eq!(
        refusal(store.delete_service(scope).await),
        Refusal::ServiceNotFound
    );
    let user = UserScope {
        service: scope,
        user: user.id,
    };
    assert_eq!(refusal(store.user(user).await), Refusal::ServiceNotFound);
    // The name is free again, and the old user did not move over.
    let again = store
        .create_service(&new_service(mine, "Shop", "shop.ee"))
        .await
        .unwrap();
    let scope = ServiceScope {
        account: mine,
        service: again.id,
    };
    let user = UserScope {
        service: scope,
        ..user
    };
    assert_eq!(refusal(store.user(user).await), Refusal::UserNotFound);
}

pub(super) async fn users(store: &Shared) {
    let mine = account(store).await;
    let (shop, cafe) = (service(store, mine).await, service(store, mine).await);
    let mut made = Vec::new();
    for name in ["zoe", "adam", "jo"] {
        made.push(store.create_user(shop, &new_user(name)).await.unwrap());
    }
    assert_eq!(store.users(shop).await.unwrap(), made, "oldest first");
    assert!(store.users(cafe).await.unwrap().is_empty());
    let scope = UserScope {
        service: shop,
        user: made[0].id,
    };
    assert_eq!(store.user(scope).await.unwrap(), made[0]);
    assert_eq!(
        refusal(store.create_user(shop, &new_user("jo")).await),
        Refusal::UserExists
    );
    store.create_user(cafe, &new_user("jo")).await.unwrap();

    // A user is found in its own service only.
    let elsewhere = UserScope {
        service: cafe,
        ..scope
    };
    assert_eq!(refusal(store.user(elsewhere).await), Refusal::UserNotFound);
    assert_eq!(
        refusal(store.delete_user(elsewhere).await),
        Refusal::UserNotFound
    );

    store.delete_user(scope).await.unwrap();
    assert_eq!(refusal(store.user(scope).await), Refusal::UserNotFound);
    assert_eq!(
        refusal(store.delete_user(scope).await),
        Refusal::UserNotFound
    );
    assert_eq!(
        refusal(store.remove_totp(scope).await),
        Refusal::UserNotFound
    );
    assert_eq!(store.users(shop).await.unwrap(), made[1..]);
    store.create_user(shop, &new_user("zoe")).await.unwrap();
}

/// Names are texts and nothing else, whatever they look like.
pub(super) async fn odd_names(store: &Shared) {
    for odd in [
        "'; DROP TABLE users; --",
        "\" OR 1=1 --",
        "$1 ?1 :name %s {}",
        "\\'; SELECT 1",
        "jo\u{301} ☃ \u{10ffff} \u{202e}",
        "NULL",
        " jo ",
        "Jo",
        "jo",
    ] {
        let mut owner = new_account();
        owner.username = unique(odd);
        store.create_account(&owner).await.unwrap();
        let found = store.account(&owner.username).await.unwrap().unwrap();
        assert_eq!((found.id, &found.username), (owner.id, &owner.username));

        let made = new_service(owner.id, odd, odd);
        store.create_service(&made).await.unwrap();
        let scope = ServiceScope {
            account: owner.id,
            service: made.id,
        };
        assert_eq!(store.service(scope).await.unwrap().name, odd);
        let user = add_user(store, scope, new_user(odd)).await;
        assert_eq!(store.user(user).await.unwrap().id_in_service, odd);
        let again = store.create_user(scope, &new_user(odd)).await;
        assert_eq!(refusal(again), Refusal::UserExists);
        // One that differs in case or spaces alone is another.
        let other = format!("{odd} ");
        add_user(store, scope, new_user(&other)).await;
        add_user(store, scope, new_user(&odd.to_uppercase().repeat(2))).await;
        let Started::Sms(message) = start(store, user, Method::Sms, 0).await else {
            panic!("no message");
        };
        assert!(message.text.contains(odd));
        let key = unique(odd);
        let first = keys::claim(owner.id, &key, 1, -KEYS);
        assert!(matches!(store.claim_key(&first).await, Ok(Claimed::Run)));
    }
}
