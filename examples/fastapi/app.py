"""A site with a login by phone: `uvicorn --app-dir examples/fastapi --factory app:create_app`.

Reads LOGIN_SERVICE, SECRET_KEY, and what the client reads.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from starlette.middleware.sessions import SessionMiddleware

from phone_login import Step, check_pin, send_pin, sign_up
from verigator import AsyncApi

templates = Jinja2Templates(Path(__file__).parent)
router = APIRouter(default_response_class=HTMLResponse)


# --8<-- [start:app]
@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncApi() as api:
        app.state.api = api
        app.state.service = os.environ["LOGIN_SERVICE"]
        # In place of your database: names, and the users' ids at the server.
        app.state.users = {}
        yield


def create_app() -> FastAPI:
    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.add_middleware(SessionMiddleware, secret_key=os.environ["SECRET_KEY"], same_site="lax")
    app.include_router(router)
    return app


# --8<-- [end:app]


def back(request: Request, message: str) -> RedirectResponse:
    """To the only page, with something to say there."""
    request.session["message"] = message
    return RedirectResponse("/", status_code=303)


@router.get("/")
async def page(request: Request) -> HTMLResponse:
    message = request.session.pop("message", None)
    return templates.TemplateResponse(request, "page.html", {"message": message, **request.session})


# --8<-- [start:log-in]
@router.post("/signup")
async def signup(
    request: Request, name: Annotated[str, Form()], number: Annotated[str, Form()]
) -> RedirectResponse:
    state = request.app.state
    if name in state.users:
        return back(request, "This name is taken.")
    user = await sign_up(state.api, state.service, number)
    if isinstance(user, Step):
        return back(request, user.message)
    state.users[name] = user
    return await login(request, name)


@router.post("/login")
async def login(request: Request, name: Annotated[str, Form()]) -> RedirectResponse:
    state = request.app.state
    if name not in state.users:
        return back(request, "Nobody has signed up by this name.")
    step = await send_pin(state.api, state.service, state.users[name])
    if step.done:
        request.session["asked"] = name
    return back(request, step.message)


@router.post("/pin")
async def pin(request: Request, pin: Annotated[str, Form()]) -> RedirectResponse:
    state = request.app.state
    name = request.session.get("asked")
    if name not in state.users:
        return back(request, "Please log in.")
    step = await check_pin(state.api, state.service, state.users[name], pin)
    if step.done:
        # A new session: nothing of the old one goes on.
        request.session.clear()
        request.session["name"] = name
    return back(request, step.message)


# --8<-- [end:log-in]


@router.post("/logout")
async def logout(request: Request) -> RedirectResponse:
    request.session.clear()
    return back(request, "Goodbye.")
