#!/bin/sh
# System packages that the notes' PDFs (Pango) and some tests need. Installed only if missing and only with the right to do
# so; always said aloud.
set -eu
missing=""
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || missing="$missing postgresql"
for pair in libpango-1.0.so.0:libpango-1.0-0 libpangoft2-1.0.so.0:libpangoft2-1.0-0 \
    libharfbuzz-subset.so.0:libharfbuzz-subset0; do
    ls /usr/lib/*/"${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
command -v soffice >/dev/null 2>&1 || missing="$missing libreoffice-calc"
# The font in which the tests draw figures as pictures; readers see theirs in a font of their own.
ls /usr/share/fonts/*/liberation*/LiberationSans-Regular.ttf >/dev/null 2>&1 || missing="$missing fonts-liberation"
# The portal's tests: real Chromium, and a real OpenID provider that runs on node.
command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || missing="$missing chromium"
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
# Spark's Java, for `--engine` and its tests.
{ [ -n "${JAVA_HOME:-}" ] && [ -x "$JAVA_HOME/bin/java" ]; } || command -v java >/dev/null 2>&1 || missing="$missing openjdk-17-jre-headless"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing system packages:$missing"
    apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "These system packages are missing:$missing; runs need Pango for their PDFs; tests that need the others will be skipped with a notice."
fi
