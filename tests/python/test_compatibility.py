"""The old import paths lead to the same classes, and code written for the first client runs."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import messente.verigator
import verigator
from messente.verigator import api, controllers, exceptions, models, routes
from verigator.testing import Sandbox


@pytest.mark.parametrize("module", [messente.verigator, api, exceptions, models])
def test_one_identity(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]
    assert names
    for name in names:
        assert getattr(module, name) is getattr(verigator, name)


def test_every_exception_and_model_is_there() -> None:
    for name in verigator.__all__:
        value = getattr(verigator, name)
        if isinstance(value, type) and issubclass(value, Exception):
            assert name in exceptions.__all__
    for name in ("Service", "User", "Verification", "VerificationStatus", "Enrolment"):
        assert name in models.__all__


def test_controllers_are_the_classes_of_a_client(sandbox: Sandbox) -> None:
    client = sandbox.api()
    assert type(client.services) is controllers.Services
    assert type(client.users) is controllers.Users
    assert type(client.auth) is controllers.Auth
    assert type(client.totp) is controllers.Totp
    assert (controllers.Auth.METHOD_SMS, controllers.Auth.METHOD_TOTP) == ("sms", "totp")
    assert type(sandbox.async_api().auth) is controllers.AsyncAuth


def test_routes() -> None:
    assert routes.URL == "https://api.verigator.com"
    assert routes.GET_USER.format("s", "u") == "v1/service/service/s/users/u"
    for name in routes.__all__:
        assert isinstance(getattr(routes, name), str)


def test_messente_is_a_namespace_that_others_share(tmp_path: Path) -> None:
    spec = importlib.import_module("messente").__spec__
    assert spec is not None
    assert spec.origin is None
    (tmp_path / "messente" / "other").mkdir(parents=True)
    (tmp_path / "messente" / "other" / "__init__.py").write_text("here = True\n")
    program = (
        f"import sys; sys.path.append({str(tmp_path)!r})\n"
        "import messente.other, messente.verigator\n"
        "assert messente.other.here and messente.verigator.Api\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_code_for_the_first_client(sandbox: Sandbox, name: str, number: str) -> None:
    from messente.verigator.api import Api
    from messente.verigator.exceptions import NoSuchResourceError, VerigatorError

    client = Api(sandbox.username, sandbox.password, sandbox.url)
    service = client.services.create(f"{name}.example.com", name)
    user = client.users.create(service.id, number, "username")
    client.auth.initiate(service.id, user.id, client.auth.METHOD_SMS)
    assert client.auth.verify(service.id, user.id, sandbox.wait_for_message(number).pin)
    assert [found.username for found in client.users.get_all(service.id)] == ["username"]
    assert client.users.delete(service.id, user.id)
    assert client.services.delete(service.id)
    with pytest.raises(VerigatorError) as caught:
        client.services.get(service.id)
    assert isinstance(caught.value, NoSuchResourceError)
    assert caught.value.code == 404
    assert caught.value.message == str(caught.value)
    with pytest.raises(ValueError, match="must be a str"):
        client.services.get(None)  # type: ignore[arg-type]
    assert exceptions.VerigatorError(500, "message").code == 500
