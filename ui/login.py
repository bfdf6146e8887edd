"""Who may use the page: everybody, or whoever knows the name and password of the environment."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.errors import BadSetting

USER, PASSWORD = "VLAD_USER", "VLAD_PASSWORD"
LEAST = 12  # characters of a password


def credentials(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """(name, password) that a visitor must give; None where neither is set.

    Raises:
        BadSetting: one of them is missing, or the password is too short.
    """
    user, password = environment.get(USER, "").strip(), environment.get(PASSWORD, "")
    if not user and not password:
        return None
    if not user or not password:
        raise BadSetting(f"{USER} and {PASSWORD} only work together; set both, or neither.")
    if len(password) < LEAST:
        raise BadSetting(f"{PASSWORD} has fewer than {LEAST} characters; choose a longer one.")
    return user, password
