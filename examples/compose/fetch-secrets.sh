#!/bin/sh
# Brings the secrets of the notes backend from a vault into ./secrets: fetch-secrets.sh <vault>
# Run it as root, after `az login --identity`. Mount a tmpfs on ./secrets, so that nothing is left on the disk.
set -eu
umask 077
vault=$1
folder=${SECRETS_FOLDER:-secrets}
mkdir -p "$folder"
chmod 711 "$folder"

fetch() {
  fetched=$folder/.fetched
  rm -f "$fetched"
  az keyvault secret download --vault-name "$vault" --name "$1" --file "$fetched" --output none
  # Written in place: the mount of a single file does not follow a rename.
  cat "$fetched" >"$folder/$2"
  rm -f "$fetched"
  # The user of the container, who may read and not write.
  chown 1000:1000 "$folder/$2"
  chmod 400 "$folder/$2"
}

fetch notes-backend-jwt jwt.env
fetch notes-backend-record-key FIELD_ENCRYPT_RECORD_KEY
fetch notes-backend-previous-record-keys FIELD_ENCRYPT_PREVIOUS_RECORD_KEYS
fetch notes-backend-audit-secrets AUDIT_SECRETS
fetch notes-backend-metrics-token METRICS_TOKEN
