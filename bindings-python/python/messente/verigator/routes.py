"""The paths of the API, as format strings, where they were found before. The client has its own and
reads none of these."""

from verigator import DEFAULT_ENDPOINT as URL

CREATE_SERVICE = "v1/service/service"
GET_SERVICE = "v1/service/service/{}"
DELETE_SERVICE = "v1/service/service/{}"
GET_USERS = "v1/service/service/{}/users"
GET_USER = "v1/service/service/{}/users/{}"
CREATE_USER = "v1/service/service/{}/users"
DELETE_USER = "v1/service/service/{}/users/{}"
AUTH_INITIATE = "v1/service/service/{}/users/{}/auth"
AUTH_VERIFY = "v1/service/service/{}/users/{}/auth"

__all__ = [
    "AUTH_INITIATE",
    "AUTH_VERIFY",
    "CREATE_SERVICE",
    "CREATE_USER",
    "DELETE_SERVICE",
    "DELETE_USER",
    "GET_SERVICE",
    "GET_USER",
    "GET_USERS",
    "URL",
]
