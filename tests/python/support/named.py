"""Histories written by hand."""

from __future__ import annotations

from support.histories import OWN, History, Sent, sent


def link(batch: int, id: str, at: str, previous: str, person: str, method: str) -> Sent:
    """An identity link of two ids, both without their `~`."""
    ids = {"previous_id": OWN + previous, "person_id": OWN + person}
    return sent(batch, "identity_linked", id, at, **ids, method=method)


# Histories that broke a model once, or would break one that is written a little differently. Those
# that change aggregates have years of their own: no other one touches the months that they must.
NAMED: dict[str, History] = {
    "a candidacy opens after all that happens in it": (
        sent(1, "candidacy_stage_changed", "a", "2001-03-03", stage="onsite_interview"),
        sent(1, "offer_extended", "b", "2001-03-04"),
        sent(2, "offer_answered", "c", "2001-03-05", answer="accepted"),
        sent(3, "interview_requested", "d", "2001-03-02"),
    ),
    "an earlier opening lands last": (
        sent(1, "interview_requested", "b", "2003-03-02", candidate_id="~candidate-2"),
        sent(2, "candidacy_closed", "c", "2003-03-03"),
        sent(3, "application_submitted", "a", "2002-03-02", position_id="~position-2"),
    ),
    "the candidate and the position are known only later": (
        sent(1, "interview_requested", "a", "2004-03-04"),
        sent(2, "candidate_signed_up", "b", "2004-03-02", channel="referral"),
        sent(3, "position_opened", "c", "2004-03-03", role="data_engineer"),
    ),
    "an earlier sign-up changes the channel": (
        sent(1, "candidate_signed_up", "b", "2005-03-03", channel="organic"),
        sent(1, "application_submitted", "c", "2005-03-04"),
        sent(2, "candidate_signed_up", "a", "2005-03-02", channel="partner"),
    ),
    "everything at one moment": (
        sent(2, "interview_requested", "f", "2006-03-02"),
        sent(1, "interview_request_answered", "e", "2006-03-02", answer="accepted"),
        sent(3, "candidacy_stage_changed", "d", "2006-03-02", stage="coding_interview"),
        sent(1, "candidacy_stage_changed", "c", "2006-03-02", stage="coding_interview"),
        sent(2, "offer_extended", "b", "2006-03-02"),
        sent(3, "candidacy_closed", "a", "2006-03-02"),
        sent(1, "candidacy_closed", "g", "2006-03-02", reason="withdrawn"),
    ),
    "an event comes again with other values": (
        sent(1, "offer_extended", "a", "2026-03-02", base_salary=1),
        sent(1, "interview_requested", "b", "2026-03-01", base_salary=90_000),
        sent(2, "offer_extended", "a", "2026-03-02", base_salary=2),
        sent(2, "interview_requested", "b", "2026-03-01", base_salary=0),
        sent(3, "offer_extended", "a", "2026-03-02", base_salary=3, zone=120),
    ),
    "an event comes again with another time": (
        sent(1, "position_opened", "a", "2026-03-02", title="~a"),
        sent(2, "position_opened", "a", "2026-03-01", title="~b"),
        sent(3, "position_opened", "a", "2026-03-02", title="~c"),
    ),
    "two openings with one messageId": (
        sent(1, "interview_requested", "a", "2026-03-02"),
        sent(2, "application_submitted", "a", "2026-03-02", candidate_id="~candidate-2"),
    ),
    "a clock runs ahead": (
        sent(1, "interview_requested", "a", "2035-06-01", delay=-86_400),
        sent(1, "candidacy_closed", "b", "2035-06-02", delay=-86_400),
        sent(2, "candidacy_stage_changed", "c", "2026-03-02", stage="phone_screen"),
        sent(3, "subscription_changed", "d", "2035-06-01", delay=-86_400),
        sent(3, "subscription_changed", "e", "2026-03-02", change="cancelled"),
    ),
    "a closed candidacy is opened again and closed again": (
        sent(1, "application_submitted", "a", "2007-03-01"),
        sent(1, "candidacy_closed", "b", "2007-03-05", reason="rejected"),
        sent(2, "candidacy_stage_changed", "c", "2007-03-06", stage="final_interview"),
        sent(3, "candidacy_closed", "d", "2007-03-07", reason="withdrawn"),
    ),
    "a closing comes late, after what reopened the candidacy": (
        sent(1, "application_submitted", "a", "2009-03-01"),
        sent(2, "candidacy_stage_changed", "c", "2009-03-06", stage="final_interview"),
        sent(3, "candidacy_closed", "b", "2008-12-31 23:59:59.999999"),
    ),
    "a position changes before it opens": (
        sent(1, "position_updated", "b", "2010-03-02", title="~b", min_salary=1),
        sent(2, "position_closed", "c", "2010-03-03"),
        sent(3, "position_opened", "a", "2010-03-01", title="~a"),
    ),
    "two profiles and a review at one moment": (
        sent(1, "candidate_profile_submitted", "c", "2026-03-02", years_experience=1),
        sent(2, "candidate_profile_submitted", "b", "2026-03-02", min_base_salary=90_000),
        sent(2, "candidate_review_decided", "a", "2026-03-02"),
        sent(3, "candidate_signed_up", "d", "2026-03-01"),
    ),
    "an employer signs up after its update": (
        sent(1, "employer_profile_updated", "b", "2026-03-03", company_name="~b"),
        sent(2, "employer_signed_up", "c", "2026-03-02", company_name="~a"),
        sent(3, "employer_signed_up", "a", "2026-03-02", industry="finance"),
    ),
    "a refund comes before its invoice": (
        sent(1, "placement_refunded", "b", "2016-03-02", amount=100.5),
        sent(2, "placement_invoiced", "a", "2016-03-01", amount=100.5),
        sent(3, "placement_invoiced", "a", "2016-03-01", amount=0),
    ),
    "an invoice turns out to be for another candidacy and employer": (
        sent(1, "interview_requested", "a", "2017-01-02"),
        sent(1, "offer_extended", "b", "2017-02-02", base_salary=90_000, currency="GBP"),
        sent(1, "offer_answered", "c", "2017-02-03", answer="accepted"),
        sent(1, "candidate_started", "d", "2017-03-02"),
        sent(2, "placement_invoiced", "f", "2017-03-04", candidacy_id="~candidacy-2"),
        sent(2, "placement_refunded", "g", "2017-03-05", amount=0.5, reason="left_early"),
        sent(3, "placement_invoiced", "e", "2017-03-03", amount=100.5),
    ),
    "a subscription turns out to be another employer's, and in another currency": (
        sent(1, "subscription_changed", "c", "2018-02-28", change="started", monthly_amount=100.5),
        sent(2, "subscription_changed", "d", "2018-02-28", employer_id="~employer-2"),
        sent(2, "subscription_changed", "e", "2018-04-01", change="cancelled"),
        sent(3, "subscription_changed", "b", "2018-01-31", currency="GBP", monthly_amount=100.5),
    ),
    "an offer turns out to be of another month": (
        sent(1, "interview_requested", "a", "2011-01-02"),
        sent(1, "offer_extended", "b", "2011-03-04", base_salary=1),
        sent(2, "offer_answered", "c", "2011-03-05", answer="accepted"),
        sent(3, "offer_extended", "d", "2011-02-27", base_salary=90_000),
    ),
    "the role of an offer is known only later": (
        sent(1, "interview_requested", "a", "2012-01-02"),
        sent(1, "offer_extended", "b", "2012-03-04"),
        sent(2, "position_opened", "c", "2012-01-01", role="data_engineer"),
    ),
    "a stage turns out to be left in another month": (
        sent(1, "application_submitted", "a", "2013-01-02"),
        sent(1, "candidacy_closed", "b", "2013-03-05"),
        sent(2, "candidacy_stage_changed", "c", "2013-02-03", stage="phone_screen"),
        sent(2, "candidacy_stage_changed", "d", "2013-04-03", stage="phone_screen"),
        sent(3, "candidacy_stage_changed", "e", "2013-02-28", stage="coding_interview"),
    ),
    "a request turns out to be of another month and another employer": (
        sent(1, "interview_requested", "a", "2014-03-04"),
        sent(2, "interview_requested", "b", "2014-02-04", employer_id="~employer-2"),
    ),
    "a candidate could be found earlier, and for another role": (
        sent(1, "candidate_signed_up", "a", "2015-01-02"),
        sent(1, "candidate_profile_submitted", "b", "2015-01-03", years_experience=1),
        sent(1, "candidate_review_decided", "c", "2015-03-04", decision="accepted"),
        sent(2, "candidate_review_decided", "d", "2015-02-04", decision="accepted"),
        sent(3, "candidate_profile_submitted", "e", "2015-02-27", role="data_engineer"),
        sent(3, "candidate_availability_changed", "f", "2015-04-09", availability="unavailable"),
    ),
    "two persons turn out to be one": (
        sent(1, "candidate_signed_up", "a", "2026-03-01"),
        sent(1, "page_viewed", "b", "2026-02-28", anonymous="~visitor-1"),
        sent(2, "candidate_signed_up", "c", "2026-03-02", candidate_id="~candidate-2"),
        sent(3, "identity_linked", "d", "2026-03-03", previous_id="~visitor-1"),
        sent(3, "identity_linked", "e", "2026-03-04", previous_id="~candidate-2", method="merge"),
    ),
    "an id is used again 40 days later, and counts again": (
        sent(1, "offer_extended", "a", "2017-03-01", base_salary=1),
        sent(2, "offer_extended", "a", "2017-04-10", base_salary=2, offer_id="~offer-2"),
        sent(2, "placement_invoiced", "b", "2017-04-10", amount=1),
        sent(3, "placement_invoiced", "b", "2017-03-01", amount=2),
    ),
    "a copy of an earlier and one of a later time": (
        sent(1, "placement_invoiced", "a", "2018-03-15", amount=1),
        sent(2, "placement_invoiced", "a", "2018-03-25", amount=2),
        sent(1, "placement_refunded", "b", "2018-03-15", amount=1),
        sent(2, "placement_refunded", "b", "2018-03-05", amount=2),
        sent(3, "offer_extended", "c", "2018-03-15 00:00:00.001"),
        sent(3, "offer_extended", "c", "2018-03-15 00:00:00", offer_id="~offer-2"),
        sent(3, "offer_extended", "c", "2018-03-15 00:00:00.002", offer_id="~offer-3"),
    ),
    "at 30 days it is a copy, a microsecond later none": (
        sent(1, "placement_invoiced", "a", "2019-03-01 09:30", amount=1),
        sent(2, "placement_invoiced", "a", "2019-03-31 09:30", amount=2),
        sent(1, "placement_refunded", "b", "2019-03-01 09:30", amount=1),
        sent(2, "placement_refunded", "b", "2019-03-31 09:30:00.000001", amount=2),
        sent(1, "offer_extended", "c", "2019-03-31 09:30"),
        sent(2, "offer_extended", "c", "2019-03-01 09:30", offer_id="~offer-2"),
        sent(1, "position_opened", "d", "2019-03-31 09:30:00.000001"),
        sent(2, "position_opened", "d", "2019-03-01 09:30", position_id="~position-2"),
    ),
    # No other invoice happens as late: where new rows end, the fraction of a second counts.
    "a copy 30 days before the first and 30 days after the last of all": (
        sent(1, "placement_invoiced", "a", "2038-03-31 09:30:00.900001", amount=1),
        sent(2, "placement_invoiced", "a", "2038-03-01 09:30:00.900001", amount=2),
        sent(1, "placement_refunded", "b", "2000-01-03 09:30:00.900001", amount=1),
        sent(2, "placement_refunded", "b", "2000-02-02 09:30:00.900001", amount=2),
    ),
    "a copy of a copy is one, however long after the first": (
        sent(1, "placement_invoiced", "a", "2020-03-01", amount=1),
        sent(2, "placement_invoiced", "a", "2020-03-21", amount=2),
        sent(3, "placement_invoiced", "a", "2020-04-10", amount=3),
        sent(1, "placement_refunded", "b", "2020-03-01", amount=1),
        sent(2, "placement_refunded", "b", "2020-04-10", amount=2),
        sent(3, "placement_refunded", "b", "2020-03-21", amount=3),
    ),
    "the first answer comes last": (
        sent(1, "interview_requested", "a", "2021-03-01"),
        sent(1, "offer_extended", "b", "2021-03-02"),
        sent(1, "offer_answered", "d", "2021-03-05", answer="accepted"),
        sent(2, "offer_answered", "c", "2021-03-04", answer="declined"),
        sent(3, "offer_answered", "e", "2021-03-03", answer="accepted"),
    ),
    "an offer is never answered": (
        sent(1, "interview_requested", "a", "2022-03-01"),
        sent(2, "offer_extended", "b", "2022-03-02"),
    ),
    "two openings of a position, the earlier one comes last": (
        sent(1, "application_submitted", "a", "2023-03-05"),
        sent(1, "position_opened", "c", "2023-03-04", role="data_engineer"),
        sent(2, "position_opened", "b", "2023-03-03", role="data_scientist"),
    ),
    "an earlier sign-in comes late and takes a visitor from a user": (
        sent(1, "page_viewed", "a", "2024-05-06 09:00", anonymous="~visitor-1"),
        sent(1, "page_viewed", "b", "2024-05-06 09:10", user="~candidate-1"),
        sent(1, "page_viewed", "f", "2024-05-06 09:20", anonymous="~visitor-1"),
        link(1, "c", "2024-05-06 10:00", "visitor-1", "candidate-1", "sign_in"),
        link(2, "d", "2024-05-06 08:00", "visitor-1", "candidate-2", "sign_in"),
        sent(3, "page_viewed", "e", "2024-05-06 09:05", user="~candidate-2"),
    ),
    "users merge in a circle, the last merge first": (
        *(
            sent(1, "page_viewed", f"a{n}", f"2024-05-07 09:0{n}", user=f"~candidate-{n}")
            for n in (1, 2, 3)
        ),
        link(1, "d", "2024-05-08", "candidate-3", "candidate-1", "merge"),
        link(2, "c", "2024-05-07", "candidate-2", "candidate-3", "merge"),
        link(3, "b", "2024-05-08", "candidate-1", "candidate-2", "merge"),
    ),
    "a visitor turns out to be a user": (
        sent(1, "page_viewed", "a", "2024-05-06 09:00", anonymous="~visitor-1"),
        sent(1, "page_viewed", "b", "2024-05-06 09:10", user="~candidate-1"),
        link(1, "c", "2024-05-06 10:00", "visitor-1", "candidate-1", "sign_up"),
        link(2, "d", "2024-05-06 11:00", "visitor-2", "visitor-1", "sign_in"),
        link(3, "e", "2024-05-06 12:00", "candidate-1", "candidate-2", "merge"),
    ),
    "a late page view joins two sessions, and a campaign parts them": (
        sent(1, "page_viewed", "a", "2024-05-06 09:00", anonymous="~visitor-1"),
        sent(1, "page_viewed", "b", "2024-05-06 09:50", anonymous="~visitor-1"),
        sent(2, "page_viewed", "c", "2024-05-06 09:25", anonymous="~visitor-1"),
        sent(3, "page_viewed", "d", "2024-05-06 09:25", anonymous="~visitor-1", campaign="spring"),
    ),
    "touches come, leave and join other persons after the sign-up and the hire": (
        sent(1, "candidate_signed_up", "a", "2024-05-06 12:00"),
        sent(1, "page_viewed", "b", "2024-05-06 11:59", user="~candidate-1"),
        sent(1, "interview_requested", "c", "2024-05-07"),
        sent(1, "offer_answered", "d", "2024-08-03 09:00", answer="accepted"),
        # At the edge of the 90 days before the hire, and a moment before it.
        sent(2, "page_viewed", "e", "2024-05-05 09:00", anonymous="~visitor-1", campaign="spring"),
        sent(2, "page_viewed", "f", "2024-05-05 08:59:59.999999", user="~candidate-2"),
        link(2, "g", "2024-09-01", "visitor-1", "candidate-1", "sign_in"),
        link(3, "h", "2024-08-31", "visitor-1", "candidate-2", "sign_in"),
        link(4, "i", "2024-09-02", "candidate-2", "candidate-1", "merge"),
    ),
    "a session before the sign-up comes after the merge": (
        sent(1, "candidate_signed_up", "a", "2024-05-06 12:00", candidate_id="~candidate-2"),
        link(1, "b", "2024-05-07", "candidate-2", "candidate-1", "merge"),
        sent(3, "page_viewed", "c", "2024-05-06 11:00", user="~candidate-1"),
    ),
    "two touches lead to a sign-up": (
        sent(1, "candidate_signed_up", "a", "2024-05-06 12:00"),
        sent(1, "page_viewed", "b", "2024-05-05 11:00", user="~candidate-1", campaign="spring"),
        sent(2, "page_viewed", "c", "2024-05-06 11:00", user="~candidate-1", campaign="spring"),
    ),
    "an account without sessions turns out to be another person": (
        sent(1, "candidate_signed_up", "a", "2024-05-06 12:00"),
        link(3, "b", "2024-05-07", "candidate-1", "candidate-2", "merge"),
    ),
    "a score lands after the request that it was known before": (
        sent(1, "interview_requested", "a", "2024-05-08"),
        sent(1, "candidate_scored", "b", "2024-05-06", score=0.5),
        sent(2, "candidate_scored", "c", "2024-05-07", score=1),
        sent(3, "candidate_scored", "d", "2024-05-07 12:00", score=0, delay=86_400),
    ),
    "an earlier request for somebody else takes away a score": (
        sent(1, "candidate_scored", "a", "2024-05-09"),
        sent(1, "interview_requested", "b", "2024-05-10"),
        sent(2, "interview_requested", "c", "2024-05-08", candidate_id="~candidate-2"),
    ),
}
