#!/usr/bin/env bash
# A send over HTTP with curl, then what became of it. Run twice with the same ORDER it is one send.
set -euo pipefail
: "${CARILLON_URL:?}" "${CARILLON_APP_SECRET:?}" "${RECIPIENT:?}" "${ORDER:=$(date +%s%N)}"
api() { curl -fsS -H "Authorization: Bearer $CARILLON_APP_SECRET" "$@"; }

send=$(api "$CARILLON_URL/v1/sends" -H "Idempotency-Key: order-$ORDER" --json "{
  \"audience\": {\"users\": [\"$RECIPIENT\"]},
  \"message\": {\"title\": \"Order shipped\", \"body\": \"It is on its way.\"}
}" | sed -E 's/^\{"id":"([^"]+)".*/\1/')

until api "$CARILLON_URL/v1/sends/$send" | grep -q '"state":"finished"'; do sleep 0.5; done
api "$CARILLON_URL/v1/sends/$send"
