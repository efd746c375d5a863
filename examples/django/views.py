"""The pages. They know of a login what verification.py says of it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from verification import Step, check_pin, send_pin, sign_up

# In place of your database: names, and the users' ids at the server.
users: dict[str, str] = {}


def back(request: HttpRequest, message: str) -> HttpResponse:
    """To the only page, with something to say there."""
    request.session["message"] = message
    return redirect("/")


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    message = request.session.pop("message", None)
    return render(request, "page.html", {"message": message, **request.session})


# --8<-- [start:log-in]
@require_POST
def signup(request: HttpRequest) -> HttpResponse:
    name, number = request.POST.get("name", ""), request.POST.get("number", "")
    if name in users:
        return back(request, "This name is taken.")
    user = sign_up(number)
    if isinstance(user, Step):
        return back(request, user.message)
    users[name] = user
    return login(request)


@require_POST
def login(request: HttpRequest) -> HttpResponse:
    name = request.POST.get("name", "")
    if name not in users:
        return back(request, "Nobody has signed up by this name.")
    step = send_pin(users[name])
    if step.done:
        request.session["asked"] = name
    return back(request, step.message)


@require_POST
def pin(request: HttpRequest) -> HttpResponse:
    name = request.session.get("asked")
    if name not in users:
        return back(request, "Please log in.")
    step = check_pin(users[name], request.POST.get("pin", ""))
    if step.done:
        # A new session: nothing of the old one goes on.
        request.session.flush()
        request.session["name"] = name
    return back(request, step.message)


# --8<-- [end:log-in]


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return back(request, "Goodbye.")
