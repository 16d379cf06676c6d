"""What recorded federations do wrong, to be switched on in tests only: one implementation is product and fake."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quirks:
    """Each flag reproduces one recorded trap. All off, the peer behaves; production never sets one."""

    null_for_empty: bool = False  # absent apis, meta and lists come as null
    zero_total_past_end: bool = False  # a page past the end says total 0
    nanosecond_times: bool = False  # fractions of 7 to 9 digits, as Go writes them
    empty_content_type_version: bool = False  # application/json;version=
    lists_expired: bool = False  # entries are removed late, so expired ones are still served
    filter_fails: bool = False  # the filter answers 500 with a stack trace in plain text
    filter_finds_nothing: bool = False  # the filter looks at the first array element only
    repeats_across_pages: bool = False  # no snapshot: an entry comes on two pages
    party_lists_ignored: bool = False  # NIMBLE leaves permitted and restricted parties to the client
    hidden_prices_sent: bool = False  # priceHidden only asks the front end to hide
    plain_401_for_role: bool = False  # a wrong role is answered 401 in plain text
    start_ignored: bool = False  # every page is the first one


NO_QUIRKS = Quirks()
