"""Which path is whose."""

from django.urls import path

import views

urlpatterns = [
    path("", views.page),
    path("signup", views.signup),
    path("login", views.login),
    path("pin", views.pin),
    path("logout", views.logout),
]
