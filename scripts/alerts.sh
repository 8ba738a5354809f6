#!/bin/sh
# scripts/alerts.sh: checks the alert rules of ops/prometheus, and shows that each of them fires.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

has promtool || fail "There is no promtool; scripts/setup.sh test brings it"
promtool check config ops/prometheus/prometheus.yml
sed -n 's/^ *- alert: //p' ops/prometheus/alerts.yml | while read -r rule; do
    grep -q "alertname=\"$rule\"" ops/prometheus/alerts.test.yml || fail "No test shows that $rule fires"
done
promtool test rules ops/prometheus/alerts.test.yml
