#!/bin/sh
# Runs a command with the secrets of a folder as its environment: each file is one variable, named like the file.
# A process reads its environment once, so restart the container after a secret has changed.
set -eu
folder=${SECRETS_FOLDER:-/run/secrets}
for file in "$folder"/*; do
  name=${file##*/}
  case $name in
    # Files that are no variables: jwt.env, which JWT_FILE names.
    *[!A-Z0-9_]*) continue ;;
  esac
  value=$(cat "$file")
  export "$name=$value"
done
exec "$@"
