"""Revision 004, sign-in: directories, sessions, second factors, OAuth2 clients, codes and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import columns as c
from bench.environment.seeding import people
from bench.environment.seeding.customers import user_created
from bench.environment.seeding.dates import DAY, HOUR, MINUTE, NOW, SECOND, TODAY, spread
from bench.environment.seeding.strings import base64url, join, number, vocabulary
from bench.environment.seeding.table import Table

if TYPE_CHECKING:
    from bench.environment.seeding.columns import Columns
    from bench.environment.seeding.draw import Draw
    from bench.environment.seeding.strings import Ints, Mask
    from bench.environment.seeding.table import World

PROVIDERS = ("northwind-agency", "harbour-brokers", "claims-partners", "actuarial-guild", "staff", "service-desk")
"""Directories; the fifth signs our own staff in."""
STAFF_PROVIDER = PROVIDERS.index("staff") + 1
SAML = np.array([False, True, False, False, False, True])
"""Which of them speak SAML; the others OpenID Connect."""
FIRST_DAY = TODAY - 2_000
FIRST_SESSION = NOW - 120 * DAY
CLIENTS = 24
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/146.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/143.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/143.0 Mobile Safari/537.36",
    "poolbench-app/4.2 (iOS)",
)
_REVOKED = ("sign_out", "password_change", "idle", "administrator", "suspected_theft")
_SCOPES = (("quotes:read",), ("quotes:read", "quotes:write"), ("policies:read",), ("policies:read", "claims:write"),
           ("profile", "policies:read"))  # fmt: skip
_CLIENT_SCOPES = ("quotes:read", "quotes:write", "policies:read", "claims:write", "profile")
_TOKENS_PER_CODE = 3


def _providers(_world: World, ids: Ints) -> Columns:
    at = ids - 1
    names = vocabulary(PROVIDERS).take(at)
    created = (FIRST_DAY + 60 * at) * DAY
    oidc = ~SAML[at]
    return {
        "id": c.bigint(ids),
        "name": c.text(names),
        "display_name": c.word([name.replace("-", " ").title() for name in PROVIDERS], at),
        "protocol": c.word(("oidc", "saml"), SAML[at]),
        "issuer": c.text(join(len(ids), [b"https://", names, b".example.com"])),
        "metadata_url": c.text(
            join(len(ids), [b"https://", names, b".example.com/.well-known/openid-configuration"]), null=~oidc
        ),
        "email_domains": c.text_array([(f"{name}.example.com",) for name in PROVIDERS], at),
        "status": c.word(("active", "disabled"), at == len(PROVIDERS) - 1),
        "created_at": c.timestamptz(created),
        "updated_at": c.timestamptz(created),
    }


@dataclass(frozen=True, slots=True)
class Sessions:
    """What other tables need to know of sessions."""

    user: Ints
    created: Ints
    expires: Ints
    seen: Ints
    revoked: Mask


def sessions(world: World, ids: Ints) -> Sessions:
    """Look sessions up; they are numbered in the order of sign-in. A few users sign in all the time."""
    draw = world.draw("user_sessions")
    created = spread(ids, world.sizes.sessions, FIRST_SESSION, NOW - MINUTE)
    user = active_user(world, draw, ids)
    created = np.maximum(created, user_created(world, user) + 10 * MINUTE)
    staff = user <= world.sizes.staff
    expires = created + np.where(staff, 12 * HOUR, 30 * DAY)
    until = np.minimum(expires, NOW)
    seen = np.minimum(created + (draw.uniform("seen", ids) ** 3 * (until - created)).astype(np.int64), until)
    return Sessions(user, created, np.maximum(expires, created + HOUR), seen, draw.happens("revoked", ids, 0.3))


def active_user(world: World, draw: Draw, ids: Ints) -> Ints:
    """Draw users as they show up: every third time staff, and in both kinds some far more often than others."""
    customers = world.sizes.users - world.sizes.staff
    customer = 1 + world.sizes.staff + draw.rank("user", ids, customers, 0.6)
    return np.where(
        draw.happens("staff", ids, 0.35), 1 + draw.rank("staff_user", ids, world.sizes.staff, 0.7), customer
    )


def _sessions(world: World, ids: Ints) -> Columns:
    draw = world.draw("user_sessions")
    made = sessions(world, ids)
    sso = (made.user <= world.sizes.staff) & draw.happens("sso", ids, 0.8)
    method = np.where(sso, 1, np.where(draw.happens("webauthn", ids, 0.15), 2, 0))
    mfa = made.created + 20 * SECOND
    return {
        "id": c.bigint(ids),
        "user_id": c.bigint(made.user),
        "token_hash": c.bytea(draw.octets("token", ids, 32)),
        "auth_method": c.word(("password", "sso", "webauthn"), method),
        "sso_provider_id": c.bigint(np.full(len(ids), STAFF_PROVIDER), null=~sso),
        "mfa_verified_at": c.timestamptz(mfa, null=draw.happens("no_mfa", ids, 0.5)),
        "ip_address": c.inet(people.address(draw, ids)),
        "user_agent": c.word(_AGENTS, draw.integers("agent", ids, 0, 5), null=draw.happens("no_agent", ids, 0.02)),
        "created_at": c.timestamptz(made.created),
        "last_seen_at": c.timestamptz(made.seen),
        "expires_at": c.timestamptz(made.expires),
        "revoked_at": c.timestamptz(made.seen + SECOND, null=~made.revoked),
        "revoke_reason": c.word(_REVOKED, draw.choice("why", ids, (70, 6, 20, 3, 1)), null=~made.revoked),
    }


def _factors(world: World, ids: Ints) -> Columns:
    """One unit is a user; staff have a factor always, customers sometimes, and some users a second one."""
    draw = world.draw("mfa_methods")
    enrolled = (ids <= world.sizes.staff) | draw.happens("enrolled", ids, 0.3)
    more = enrolled & draw.happens("more", ids, 0.25)
    owner, place = np.nonzero(np.stack((enrolled, more), axis=1))
    user, place = ids[owner], place.astype(np.int64)
    key = (user - 1) * 2 + place + 1
    method = np.where(place == 0, draw.choice("method", key, (70, 20, 10)), 3)
    webauthn, recovery = method == 2, method == 3
    secret = ~webauthn & ~recovery
    verified = np.minimum(user_created(world, user) + HOUR, NOW)
    used = np.maximum(NOW - draw.rank("idle", key, 3_000, 0.9) * HOUR, verified)
    unused = draw.happens("unused", key, 0.1)
    return {
        "id": c.bigint(key),
        "user_id": c.bigint(user),
        "method": c.word(("totp", "sms", "webauthn", "recovery_code"), method),
        "label": c.word(("Authenticator", "Phone", "Security key", "Recovery code"), method),
        "secret_encrypted": c.bytea(people.encrypted(draw, "secret", key, 20), null=~secret),
        "kms_key_id": c.word([people.KMS_KEY], np.zeros(len(key), np.int64), null=~secret),
        "credential_id": c.text(base64url(draw.octets("credential", key, 43)), null=~webauthn),
        "public_key": c.text(base64url(draw.octets("public", key, 103)), null=~webauthn),
        "sign_count": c.bigint(draw.rank("count", key, 4_000, 0.8), null=~webauthn),
        "code_hash": c.bytea(draw.octets("code", key, 32), null=~recovery),
        # Steps of thirty seconds since 1970, as RFC 6238 counts; 946684800 s is 2000-01-01.
        "last_used_step": c.bigint((used // SECOND + 946_684_800) // 30, null=(method != 0) | unused),
        "is_primary": c.boolean(place == 0),
        "verified_at": c.timestamptz(verified),
        "last_used_at": c.timestamptz(used, null=unused | recovery),
        "created_at": c.timestamptz(verified - 5 * MINUTE),
        "updated_at": c.timestamptz(used),
    }


def client_is_public(client: Ints) -> Mask:
    """Tell which applications run in a browser or on a phone: every third."""
    public: Mask = client % 3 == 0
    return public


def _redirect(client: Ints) -> list[bytes]:
    return [f"https://app{number_}.example.com/callback".encode() for number_ in client]


def _clients(world: World, ids: Ints) -> Columns:
    draw = world.draw("oauth2_clients")
    public = client_is_public(ids)
    uris = [(uri.decode(),) for uri in _redirect(ids)]
    grants = [("authorization_code", "refresh_token"), ("authorization_code", "client_credentials", "refresh_token")]
    created = (FIRST_DAY + 70 * ids) * DAY
    return {
        "id": c.bigint(ids),
        "client_id": c.text(join(len(ids), [b"client_", base64url(draw.octets("name", ids, 16))])),
        "name": c.text(join(len(ids), [b"Application ", number(ids)])),
        "client_type": c.word(("confidential", "public"), public),
        "secret_hash": c.bytea(draw.octets("secret", ids, 32), null=public),
        "secret_expires_at": c.timestamptz(np.full(len(ids), NOW + 180 * DAY), null=public),
        "redirect_uris": c.text_array(uris, np.arange(len(ids))),
        "grant_types": c.text_array(grants, (~public).astype(np.int64)),
        "scopes": c.text_array([_CLIENT_SCOPES], np.zeros(len(ids), np.int64)),
        "require_pkce": c.boolean(public | (ids % 2 == 0)),
        "access_token_seconds": c.integer(np.full(len(ids), 900)),
        "refresh_token_seconds": c.integer(np.full(len(ids), 2_592_000)),
        "owner_user_id": c.bigint(1 + draw.integers("owner", ids, 0, world.sizes.staff)),
        "status": c.word(("active", "suspended", "retired"), draw.choice("status", ids, (90, 5, 5))),
        "created_at": c.timestamptz(created),
        "updated_at": c.timestamptz(created),
    }


@dataclass(frozen=True, slots=True)
class Codes:
    """What tokens need to know of the codes they were bought with."""

    session: Ints
    user: Ints
    client: Ints
    scopes: Ints
    created: Ints
    used: Mask


def _codes_of(world: World, ids: Ints) -> Codes:
    """Look codes up: each belongs to a session, evenly spread, and was issued within it."""
    draw = world.draw("oauth2_authorization_codes")
    session = 1 + (ids - 1) * (world.sizes.sessions // world.sizes.codes)
    made = sessions(world, session)
    client = 1 + draw.rank("client", ids, CLIENTS, 0.9)
    scopes = draw.choice("scopes", ids, (30, 15, 30, 10, 15))
    return Codes(session, made.user, client, scopes, made.created + 30 * SECOND, draw.happens("used", ids, 0.96))


def _codes(world: World, ids: Ints) -> Columns:
    draw = world.draw("oauth2_authorization_codes")
    made = _codes_of(world, ids)
    pkce = client_is_public(made.client) | (made.client % 2 == 0)
    challenge = base64url(draw.octets("challenge", ids, 43))
    uris = vocabulary(_redirect(np.arange(1, CLIENTS + 1)))
    return {
        "id": c.bigint(ids),
        "code_hash": c.bytea(draw.octets("code", ids, 32)),
        "oauth2_client_id": c.bigint(made.client),
        "user_id": c.bigint(made.user),
        "session_id": c.bigint(made.session),
        "redirect_uri": c.text(uris.take(made.client - 1)),
        "scopes": c.text_array(_SCOPES, made.scopes),
        "code_challenge": c.text(challenge, null=~pkce),
        "code_challenge_method": c.word(("S256",), np.zeros(len(ids), np.int64), null=~pkce),
        "created_at": c.timestamptz(made.created),
        "expires_at": c.timestamptz(made.created + MINUTE),
        "used_at": c.timestamptz(made.created + 2 * SECOND, null=~made.used),
    }


def _tokens(world: World, ids: Ints) -> Columns:
    """One unit is a code: it buys an access and a refresh token, and that perhaps another access token."""
    draw = world.draw("oauth2_tokens")
    code = _codes_of(world, ids)
    again = code.used & draw.happens("again", ids, 0.8)
    owner, place = np.nonzero(np.stack((code.used, code.used, again), axis=1))
    place = place.astype(np.int64)
    key = (ids[owner] - 1) * _TOKENS_PER_CODE + place + 1
    refresh, refreshed = place == 1, place == 2
    created = code.created[owner] + 2 * SECOND
    created = np.where(refreshed, created + draw.integers("refresh", key, 15, 600) * MINUTE, created)
    expires = created + np.where(refresh, 30 * DAY, 15 * MINUTE)
    revoked = draw.happens("revoked", key, 0.06)
    return {
        "id": c.bigint(key),
        "token_hash": c.bytea(draw.octets("token", key, 32)),
        "token_type": c.word(("access", "refresh"), refresh),
        "oauth2_client_id": c.bigint(code.client[owner]),
        "user_id": c.bigint(code.user[owner]),
        "session_id": c.bigint(code.session[owner]),
        "authorization_code_id": c.bigint(ids[owner], null=refreshed),
        "refreshed_from_id": c.bigint(key - 1, null=~refreshed),
        "scopes": c.text_array(_SCOPES, code.scopes[owner]),
        "created_at": c.timestamptz(created),
        "expires_at": c.timestamptz(expires),
        "revoked_at": c.timestamptz(created + 5 * MINUTE, null=~revoked),
        "revoke_reason": c.word(
            ("rotated", "sign_out", "client_request"), draw.choice("why", key, (50, 40, 10)), null=~revoked
        ),
    }


TABLES = (
    Table("sso_providers", lambda _: len(PROVIDERS), _providers),
    Table("user_sessions", lambda sizes: sizes.sessions, _sessions),
    Table("mfa_methods", lambda sizes: sizes.users, _factors),
    Table("oauth2_clients", lambda _: CLIENTS, _clients),
    Table("oauth2_authorization_codes", lambda sizes: sizes.codes, _codes),
    Table("oauth2_tokens", lambda sizes: sizes.codes, _tokens),
)
