"""Provider tokens at simulated APNs: rows A11 to A14."""

import pytest

from tests.integration.simulator.apns_rig import BODY, BUNDLE, KEY_ID, SIGNER, TEAM, Rig, Signer, headers, reason

pytestmark = pytest.mark.anyio

TWENTY = 20 * 60


async def test_a11_an_absent_or_garbled_authorization_is_a_missing_token(rig: Rig) -> None:
    async with rig.client() as client:
        for given in (None, "bearer", "bearer  ", f"basic {SIGNER.jwt()}"):
            reply = await client.request(headers(authorization=given), BODY)
            assert (reply.status, reason(reply)) == (403, "MissingProviderToken")
        assert (await client.request(headers(authorization=f"Bearer {SIGNER.jwt()}"), BODY)).status == 200


async def test_a11_what_is_not_signed_by_a_known_key_of_the_team_is_invalid(rig: Rig) -> None:
    good = SIGNER.jwt()
    head, claims, signature = good.split(".")
    wrong = {
        "rubbish": "a.b.c",
        "no signature": f"{head}.{claims}.",
        "another signature": f"{head}.{claims}.{signature[::-1]}",
        "DER": SIGNER.jwt(der=True),
        "unknown key": SIGNER.jwt(kid="KEY9999999"),
        "another issuer": SIGNER.jwt(iss="TEAM999999"),
        "another algorithm": SIGNER.jwt(alg="HS256"),
        "no whole seconds": SIGNER.jwt(iat="now"),
        "someone else's key under our id": Signer(TEAM, KEY_ID).jwt(),
        "from the future": SIGNER.jwt(issued=rig.now() + 90),
    }
    async with rig.client() as client:
        for what, token in wrong.items():
            reply = await client.request(headers(jwt=token), BODY)
            assert (what, reply.status, reason(reply)) == (what, 403, "InvalidProviderToken")
        assert (await client.request(headers(jwt=good), BODY)).status == 200


async def test_a11_a_token_is_good_for_one_hour_of_the_simulated_clock(rig: Rig) -> None:
    token = SIGNER.jwt(issued=rig.now())
    rig.knobs(idle_timeout=None)
    async with rig.client() as client:
        rig.advance(minutes=59)
        assert (await client.request(headers(jwt=token), BODY)).status == 200
        rig.advance(minutes=2)
        late = await client.request(headers(jwt=token), BODY)
        assert (late.status, reason(late)) == (403, "ExpiredProviderToken")


async def test_a11_a_revoked_key_signs_nothing_any_more(rig: Rig) -> None:
    async with rig.client() as client:
        assert (await client.request(headers(), BODY)).status == 200
        rig.apns.keys.revoke(KEY_ID)
        assert reason(await client.request(headers(), BODY)) == "InvalidProviderToken"


async def test_a12_another_token_within_20_minutes_is_refused_and_the_first_still_works(rig: Rig) -> None:
    first, second = SIGNER.jwt(issued=rig.now()), SIGNER.jwt(issued=rig.now() + 1)
    async with rig.client() as client:
        assert (await client.request(headers(jwt=first), BODY)).status == 200
        for _ in range(2):
            refused = await client.request(headers(jwt=second), BODY)
            assert (refused.status, reason(refused)) == (429, "TooManyProviderTokenUpdates")
        assert (await client.request(headers(jwt=first), BODY)).status == 200
        rig.advance(seconds=TWENTY)
        assert (await client.request(headers(jwt=second), BODY)).status == 200
        assert (await client.request(headers(jwt=first), BODY)).status == 429  # again within 20 minutes


async def test_a12_the_same_token_on_many_connections_is_fine_and_so_are_two_tokens_on_two(rig: Rig) -> None:
    first, second = SIGNER.jwt(issued=rig.now()), SIGNER.jwt(issued=rig.now() + 1)
    async with rig.client() as one, rig.client() as two, rig.client() as three:
        for client, token in ((one, first), (two, first), (three, second)):
            assert (await client.request(headers(jwt=token), BODY)).status == 200


async def test_a12_knob_wedge_after_a_refused_update_nothing_works_on_the_connection(rig: Rig) -> None:
    rig.knobs(wedge=True)
    first, second = SIGNER.jwt(issued=rig.now()), SIGNER.jwt(issued=rig.now() + 1)
    async with rig.client() as client:
        await client.request(headers(jwt=first), BODY)
        await client.request(headers(jwt=second), BODY)
        assert reason(await client.request(headers(jwt=first), BODY)) == "TooManyProviderTokenUpdates"
    async with rig.client() as client:
        assert (await client.request(headers(jwt=first), BODY)).status == 200


async def test_a13_a_connection_belongs_to_its_first_team(rig: Rig) -> None:
    other = Signer("TEAM000002", "KEY0000002")
    rig.apns.keys.register(other.key)
    async with rig.client() as client:
        assert (await client.request(headers(), BODY)).status == 200
        reply = await client.request(headers(jwt=other.jwt()), BODY)
        assert (reply.status, reason(reply)) == (403, "InvalidProviderToken")
    async with rig.client() as client:
        assert (await client.request(headers(jwt=other.jwt()), BODY)).status == 200


async def test_a13_a_topic_key_and_a_team_key_do_not_mix_on_a_connection(rig: Rig) -> None:
    narrow = Signer(TEAM, "KEY0000003", kind="topic", topics=(BUNDLE,))
    elsewhere = Signer(TEAM, "KEY0000004", kind="topic", topics=("com.example.other",))
    beside = Signer(TEAM, "KEY0000005", kind="topic", topics=(BUNDLE, "com.example.more"))
    for signer in (narrow, elsewhere, beside):
        rig.apns.keys.register(signer.key)
    rig.knobs(idle_timeout=None)
    for first, then in ((SIGNER, narrow), (narrow, SIGNER), (narrow, elsewhere)):
        async with rig.client() as client:
            assert (await client.request(headers(jwt=first.jwt()), BODY)).status == 200
            reply = await client.request(headers(jwt=then.jwt()), BODY)
            assert (reply.status, reason(reply)) == (403, "UnrelatedKeyIdInToken")
    async with rig.client() as client:
        token, related = narrow.jwt(), beside.jwt(issued=rig.now() + 30 * 60)
        assert (await client.request(headers(jwt=token), BODY)).status == 200
        rig.advance(minutes=30)
        assert (await client.request(headers(jwt=related), BODY)).status == 200


async def test_a13_a_key_restricted_to_the_other_environment_is_refused_in_either_spelling(rig: Rig) -> None:
    sandboxed = Signer(TEAM, "KEY0000006", environment="sandbox")
    rig.apns.keys.register(sandboxed.key)
    rig.register("cd" * 32, environment="sandbox")
    async with rig.client() as client:
        assert reason(await client.request(headers(jwt=sandboxed.jwt()), BODY)) == "BadEnvironmentKeyInToken"
        rig.knobs(documented_environment_reason=True)
        reply = await client.request(headers(jwt=sandboxed.jwt()), BODY)
        assert (reply.status, reason(reply)) == (403, "BadEnvironmentKeyIdInToken")
    async with rig.client("apns.sandbox") as client:
        assert (await client.request(headers("cd" * 32, jwt=sandboxed.jwt()), BODY)).status == 200


async def test_a13_a_key_pushes_to_its_apps_only_and_a_connection_knows_those_of_its_start(rig: Rig) -> None:
    narrow = Signer(TEAM, "KEY0000007", topics=(BUNDLE,))
    rig.apns.keys.register(narrow.key)
    rig.register("cd" * 32, bundle="com.example.new")
    token = narrow.jwt()
    new = headers("cd" * 32, jwt=token, apns_topic="com.example.new")
    async with rig.client() as client:
        assert (await client.request(headers(jwt=token), BODY)).status == 200
        assert reason(await client.request(new, BODY)) == "TopicDisallowed"
        rig.apns.keys.register(narrow.key.model_copy(update={"topics": (BUNDLE, "com.example.new")}))
        assert reason(await client.request(new, BODY)) == "TopicDisallowed"  # an app that came later
    async with rig.client() as client:
        assert (await client.request(new, BODY)).status == 200


async def test_a14_knob_after_an_expired_token_the_connection_keeps_rejecting(rig: Rig) -> None:
    old, fresh = SIGNER.jwt(issued=rig.now() - 3700), SIGNER.jwt(issued=rig.now())
    async with rig.client() as client:
        assert reason(await client.request(headers(jwt=old), BODY)) == "ExpiredProviderToken"
        assert (await client.request(headers(jwt=fresh), BODY)).status == 200  # without the knob
    rig.knobs(wedge_after_expired=True)
    async with rig.client() as client:
        for token in (old, fresh, fresh):
            assert reason(await client.request(headers(jwt=token), BODY)) == "ExpiredProviderToken"
    async with rig.client() as client:
        assert (await client.request(headers(jwt=fresh), BODY)).status == 200
