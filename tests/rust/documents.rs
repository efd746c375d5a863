//! The examples of the published documents, as near to their text as Rust allows, against the server
//! that follows the documents to the letter.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use verigator::{
    Api, Method, Result,
    object_style::{Service, Verigator},
};
use verigator_server::sandbox::Sandbox;
use verigator_tests::servers;

const NUMBER: &str = "+3725555555";

/// The server, and the service that the examples take for created.
async fn server() -> (Sandbox, String) {
    let sandbox = servers::documents().start().await.unwrap();
    let service = api(&sandbox)
        .services
        .create("shop.example", "Shop")
        .await
        .unwrap();
    (sandbox, service.id)
}

fn api(sandbox: &Sandbox) -> Api {
    Api::builder(sandbox.username(), sandbox.password())
        .endpoint(sandbox.url())
        .build()
        .unwrap()
}

async fn pin(sandbox: &Sandbox) -> String {
    sandbox
        .wait_for_message(NUMBER, Duration::from_secs(5))
        .await
        .unwrap()
        .pin
}

/// "Adding User to Service", in the style of the Python example.
#[tokio::test]
async fn adding_a_user() -> Result<()> {
    let (sandbox, service_id) = server().await;
    let api = api(&sandbox);

    let service = api.services.get(&service_id).await?;
    let user = api.users.create(&service.id, NUMBER, "username").await?;

    assert_eq!(user.username, "username");
    assert_eq!(api.users.get_all(&service.id).await?, [user]);
    Ok(())
}

/// "Starting User Authentication" and "Verifying PIN Code", in the style of the Python examples.
#[tokio::test]
async fn authenticating_and_verifying() -> Result<()> {
    let (sandbox, service_id) = server().await;
    let api = api(&sandbox);
    let user_id = api.users.create(&service_id, NUMBER, "username").await?.id;

    let service = api.services.get(&service_id).await?;
    let user = api.users.get(&service.id, &user_id).await?;
    let method = api
        .auth
        .initiate(&service.id, &user.id, Method::Totp)
        .await?;
    assert_eq!(method, Method::Sms, "no app is set up for this user");

    let token = pin(&sandbox).await;
    let verified = api.auth.verify(&service.id, &user.id, &token).await?;
    assert!(verified);
    Ok(())
}

/// The Java example of "Verifying PIN Code", both ways to authenticate.
#[tokio::test]
async fn the_object_style() -> Result<()> {
    for use_sms in [true, false] {
        let (sandbox, verigator_service_id) = server().await;

        // Initialize the Verigator API with your Messente API credentials
        let verigator = Verigator::from(api(&sandbox));

        // After creating the service, for all future requests you get Service instance like this:
        let service = Service::get(&verigator, &verigator_service_id).await?;

        // Now you can start syncing your service's users to Verigator
        let user = service
            .register_user("youremail@example.com", NUMBER)
            .await?;
        assert_eq!(user.username, "youremail@example.com");

        // You can use SMS or TOTP (verification via Verigator app)
        let method = if use_sms {
            user.authenticate_using_sms().await?
        } else {
            user.authenticate_using_totp().await?
        };
        assert_eq!(method, Method::Sms);

        let pin = pin(&sandbox).await;
        let wrong = if pin == "123456" { "654321" } else { "123456" };
        let verification_response = user.verify_pin(wrong).await?;
        assert!(!verification_response.is_verified());
        assert_eq!(verification_response.status.unwrap().result, "INVALID");

        let verification_response = user.verify_pin(&pin).await?;
        assert!(verification_response.is_verified());
    }
    Ok(())
}

/// The rest of the object style, which the documents' examples leave out.
#[tokio::test]
async fn services_and_users_of_the_object_style() -> Result<()> {
    let (sandbox, _) = server().await;
    let verigator = Verigator::from(api(&sandbox));

    let service = verigator
        .create_service("Second shop", "second.example")
        .await?;
    assert_eq!(service.name, "Second shop");
    let user = service.register_user("jane", NUMBER).await?;
    assert_eq!(service.get_user(&user.id).await?.username, "jane");
    let users = service.get_users().await?;
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].id, user.id);

    user.delete().await?;
    assert!(service.get_users().await?.is_empty());
    service.delete().await?;
    let gone = verigator.get_service(&service.id).await.unwrap_err();
    assert_eq!(gone.code(), 404);
    Ok(())
}

/// An account on the default endpoint, as the examples make it: made without a word to anybody.
#[test]
fn the_default_endpoint_needs_no_runtime_to_be_named() {
    let verigator = Verigator::new("messente-api-username", "messente-api-password").unwrap();
    let shown = format!("{verigator:?}");
    assert!(shown.contains("api.verigator.com"), "{shown}");
    assert!(!shown.contains("messente-api-password"), "{shown}");
}
