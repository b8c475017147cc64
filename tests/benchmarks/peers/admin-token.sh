#!/usr/bin/env bash
# Prints the static token of KubeSphere's user admin; reads the fleet's jwtSecret from stdin.
# The claims are those of ks-installer v3.4.1 roles/ks-core/init-token/files/jwt-script/jwt.sh.
set -euo pipefail

url_safe() { base64 -w0 | tr '+/' '-_' | tr -d '='; }

secret=$(cat)
header=$(printf '{"alg":"HS256","typ":"JWT"}' | url_safe)
claims=$(printf '{"email":"admin@kubesphere.io","username":"admin","token_type":"static_token"}' | url_safe)
signature=$(printf '%s.%s' "$header" "$claims" | openssl dgst -sha256 -hmac "$secret" -binary | url_safe)
printf '%s.%s.%s\n' "$header" "$claims" "$signature"
