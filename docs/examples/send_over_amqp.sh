#!/usr/bin/env bash
# A command over AMQP with openssl and amqp-publish (Debian: amqp-tools), then what became of it, over HTTP.
# The id is the key: published twice, it is one send.
set -euo pipefail
: "${CARILLON_URL:?}" "${CARILLON_AMQP_URL:?}" "${CARILLON_APP_SECRET:?}" "${RECIPIENT:?}" "${ORDER:=$(date +%s%N)}"
app=$(cut -d_ -f2 <<<"$CARILLON_APP_SECRET")
id="order-$ORDER"

body="{\"v\": 1, \"app\": \"$app\", \"id\": \"$id\",
  \"audience\": {\"users\": [\"$RECIPIENT\"]},
  \"message\": {\"title\": \"Order shipped\", \"body\": \"It is on its way.\"}}"
signature=$(printf %s "$body" | openssl dgst -sha256 -hmac "$CARILLON_APP_SECRET" | sed 's/.* //')
amqp-publish --url "$CARILLON_AMQP_URL" --exchange sends --routing-key "$app" --persistent \
  --header "carillon-signature: $signature" --body "$body"

status() { curl -fsS -H "Authorization: Bearer $CARILLON_APP_SECRET" "$CARILLON_URL/v1/sends/$id"; }
until status 2>/dev/null | grep -q '"state":"finished"'; do sleep 0.5; done
status
