"""Calls of the Segment format other than `track`, as the events that hirehouse has for them.

`identify` and `alias` link two identifiers of a person; `page` says that a page was viewed. They
are converted when they land, however they are transported. The other `traits` of `identify` do not
land: profiles have their own events.
"""

from typing import Any

# The member of the call that a property comes from: reasons name what the producer wrote.
Origins = dict[str, str]
CALLS = ("track", "identify", "alias", "page")
# Properties that SDKs add to every page call; they are in the event's context, or its name.
PAGE_PROPERTIES = {"name", "path", "referrer", "search", "title", "url"}


def as_track(call: dict[str, Any]) -> Origins:
    """Turn an `identify`, `alias` or `page` call into its `track` event, in place.

    Other calls stay as they are.

    Returns:
        The pointer of the source of each property, by the pointer of the property.
    """
    match call.get("type"):
        case "identify":
            # Only the application knows whether the visitor signed up or in.
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
        return {}  # the check against the contract finds the reason
    page = context.get("page") or {}
    if isinstance(page, dict):
        # Without a browser, only the properties describe the page.
        described = {k: v for k, v in given.items() if k in PAGE_PROPERTIES and isinstance(v, str)}
        page = described | {k: v for k, v in page.items() if v is not None}
        call["context"] = {**context, "page": page}
        name = call.get("name") or described.get("name") or page.get("path")
        own = {k: v for k, v in given.items() if k not in PAGE_PROPERTIES}
        call["properties"] = {"page_name": name, "title": page.get("title"), **own}
    return {"/properties/page_name": "/name"}
