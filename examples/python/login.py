"""A login with a second factor, from the first sign-up to the open door.

Reads VERIGATOR_ENDPOINT, VERIGATOR_USERNAME and VERIGATOR_PASSWORD, and wants a sandbox there:
`verigator sandbox`. What a person does with a phone is in person.py.
"""

from person import Person
from verigator import Api, Service, User


def main() -> None:
    with Api() as api:
        person = Person("+372 5111 1111")
        service = api.services.create("python.example.com", "Python shop")
        user = api.users.create(service.id, person.number, "john.doe@example.com")
        log_in_by_sms(api, service, user, person)
        add_authenticator(api, service, user, person)
        log_in_by_authenticator(api, service, user, person)


def log_in_by_sms(api: Api, service: Service, user: User, person: Person) -> None:
    method = api.auth.initiate(service.id, user.id, api.auth.METHOD_SMS)
    expect(method == api.auth.METHOD_SMS, "an SMS went out")
    pin = person.reads_the_message()

    wrong = person.mistypes(pin)
    expect(not api.auth.verify(service.id, user.id, wrong), "a wrong PIN is refused")
    expect(api.auth.verify(service.id, user.id, pin), "the right PIN is accepted")


def add_authenticator(api: Api, service: Service, user: User, person: Person) -> None:
    enrolment = api.totp.enrol(service.id, user.id)
    # Your page shows enrolment.qr; the app on the phone keeps the secret that is in it.
    person.scans(enrolment.secret)
    code = person.reads_the_code()
    expect(api.totp.confirm(service.id, user.id, code), "an authenticator is set up")


def log_in_by_authenticator(api: Api, service: Service, user: User, person: Person) -> None:
    method = api.auth.initiate(service.id, user.id, api.auth.METHOD_TOTP)
    expect(method == api.auth.METHOD_TOTP, "the authenticator is asked, no SMS goes out")
    # Each code is taken once, and the one on the screen has just been used.
    code = person.waits_for_the_next_code()

    wrong = person.mistypes(code)
    expect(not api.auth.verify(service.id, user.id, wrong), "a wrong code is refused")
    expect(api.auth.verify(service.id, user.id, code), "the right code is accepted")


def expect(happened: bool, what: str) -> None:
    if not happened:
        raise SystemExit(f"  FAILED: {what}")
    print(f"  {what}")


if __name__ == "__main__":
    main()
