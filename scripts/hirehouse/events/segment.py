"""The calls of the tracking format beside `track`, as the events that hirehouse has for them.

`identify` and `alias` say that two identifiers are one person, `page` that a page was viewed. They
are kept as they came until they land, so that it does not matter by which way they come. What else
`identify` says of a person, its `traits`, does not land: profiles are told by events of their own.
"""

from __future__ import annotations

from typing import Any

# Which member of the call a property was made of: a reason must name what its producer wrote.
Origins = dict[str, str]
CALLS = ("track", "identify", "alias", "page")
# What SDKs put into the properties of every page call; it is in the event's context, or its name.
PAGE_PROPERTIES = {"name", "path", "referrer", "search", "title", "url"}


def as_track(call: dict[str, Any]) -> Origins:
    """Turn an `identify`, `alias` or `page` call into its `track` event, in place.

    Anything else stays as it is.

    Returns:
        By JSON pointer of a property, the pointer of what it was made of.
    """
    match call.get("type"):
        case "identify":
            # That the visitor signed up and did not sign in only the application can say.
            traits = call.get("traits") or {}
            method = traits.get("method") if isinstance(traits, dict) else None
            return _link(call, "anonymousId", method or "sign_in")
        case "alias":
            return _link(call, "previousId", "merge")
        case "page":
            return _page(call)
    return {}


def _link(call: dict[str, Any], previous: str, method: object) -> Origins:
    ids = {"previous_id": call.get(previous), "person_id": call.get("userId")}
    call |= {"type": "track", "event": "identity_linked", "properties": {**ids, "method": method}}
    return {
        "/properties/previous_id": f"/{previous}",
        "/properties/person_id": "/userId",
        "/properties/method": "/traits/method",
    }


def _page(call: dict[str, Any]) -> Origins:
    given, context = call.get("properties") or {}, call.get("context") or {}
    call |= {"type": "track", "event": "page_viewed"}
    if not isinstance(given, dict) or not isinstance(context, dict):
        return {}  # the contract says what is wrong with it
    page = context.get("page") or {}
    if isinstance(page, dict):
        # Without a browser, the page is told by the properties alone.
        told = {k: v for k, v in given.items() if k in PAGE_PROPERTIES and isinstance(v, str)}
        page = told | {k: v for k, v in page.items() if v is not None}
        call["context"] = {**context, "page": page}
        name = call.get("name") or told.get("name") or page.get("path")
        own = {k: v for k, v in given.items() if k not in PAGE_PROPERTIES}
        call["properties"] = {"page_name": name, "title": page.get("title"), **own}
    return {"/properties/page_name": "/name"}
