#!/bin/sh
# Starts the real app under Robolectric as a process of its own, for the integration tests (README.md, The phone process).
#   phone-process.sh DIRECTORY CONTROL-PORT
# DIRECTORY keeps journal, settings and air.log over kills; the process connects to CONTROL-PORT and obeys JSON lines.
# PHONE_LIMIT: how many parts a minute the platform lets through, by its settings; 100000 unless told.
# Needs target/ as "mvn test-compile" leaves it; COMPANION_TARGET names another one.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
target=${COMPANION_TARGET:-$here/target}
mkdir -p "$1"
exec java -Xmx512m -Xshare:auto -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.util=ALL-UNNAMED \
    --add-opens=java.base/java.net=ALL-UNNAMED --add-opens=java.base/java.io=ALL-UNNAMED \
    --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/jdk.internal.access=ALL-UNNAMED \
    -Drobolectric.offline=true -Drobolectric.dependency.dir="$target/android-all" \
    -Drobolectric.usePreinstrumentedJars=false -Drobolectric.enabledSdks=34 \
    -Dphone.process="$1" -Dphone.control="$2" -Dphone.limit="${PHONE_LIMIT:-100000}" \
    -cp "$target/test-classes:$target/classes:$target/tools/monitor/classes.jar:$(cat "$target/test-classpath.txt")" \
    org.junit.runner.JUnitCore org.smsline.companion.PhoneProcess
