#!/usr/bin/env bash
# aged-ca.sh DIR PORT: a step-ca whose root and intermediate are a month old, so that certificates which lapsed a week ago can be made
# without touching a clock. $REAL_STEP is the command line; DIR/password must exist. Ends with the key id of the provisioner.
set -euo pipefail
dir=$1 port=$2 password=$1/password
export STEPPATH=$dir
"$REAL_STEP" ca init --deployment-type=standalone --name=lab --dns=localhost,127.0.0.1 --address="127.0.0.1:$port" \
  --provisioner=boss@ca.lab --password-file="$password" --provisioner-password-file="$password" >&2
aged() { "$REAL_STEP" certificate create "$@" --not-before -720h --not-after 87600h --password-file "$password" --force >&2; }
aged 'lab Root CA' "$dir/certs/root_ca.crt" "$dir/secrets/root_ca_key" --profile root-ca
aged 'lab Intermediate CA' "$dir/certs/intermediate_ca.crt" "$dir/secrets/intermediate_ca_key" --profile intermediate-ca \
  --ca "$dir/certs/root_ca.crt" --ca-key "$dir/secrets/root_ca_key" --ca-password-file "$password"
fingerprint=$("$REAL_STEP" certificate fingerprint "$dir/certs/root_ca.crt")
jq --arg sum "$fingerprint" '.fingerprint = $sum' "$dir/config/defaults.json" >"$dir/config/new.json"
mv "$dir/config/new.json" "$dir/config/defaults.json"
# Only what is set before the CA starts counts; without it no certificate is renewed once it has lapsed.
"$REAL_STEP" ca provisioner update boss@ca.lab --allow-renewal-after-expiry >&2
jq -r '.authority.provisioners[0].key.kid' "$dir/config/ca.json"
