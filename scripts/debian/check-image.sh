# shellcheck shell=sh
# check-image.sh root: runs the image of the root as docker-compose.yml does: a Postgres by TCP under the name `postgres`,
# `seed`, then the server, in a network of its own.
root=$1
. scripts/debian/mounts.sh
. scripts/debian/dockerfile.sh
# Only our own processes are seen from here on.
mount -t proc proc /proc
ip link set lo up
printf '127.0.0.1 localhost postgres\n' > "$root/etc/hosts"

# The machine's Postgres in place of the image's, with user, password and database as there.
for folder in /usr/lib/postgresql/*/bin; do programs=$folder; done
cluster=$(mktemp -d)
chown postgres "$cluster"
as_postgres() {
    runuser --user postgres -- "$@"
}
echo seatcast > "$cluster/password"
as_postgres "$programs/initdb" --auth scram-sha-256 --username seatcast --pwfile "$cluster/password" "$cluster/data" > /dev/null
as_postgres "$programs/pg_ctl" --pgdata "$cluster/data" --wait --silent \
    --options "-c listen_addresses=127.0.0.1 -c unix_socket_directories=''" --log "$cluster/log" start
PGPASSWORD=seatcast "$programs/createdb" --host 127.0.0.1 --username seatcast seatcast

# in_image command…: as the image's user, with the environment of image and composition.
setting() {
    # Defaults are written as in a shell.
    eval "printf '%s' \"$(sed -n "s/^ *$1: //p" docker-compose.yml | head -n 1)\""
}
environment="$(of ENV) DATABASE_URL=$(setting DATABASE_URL) SEATCAST_DEV=true"
in_image() {
    # shellcheck disable=SC2086
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin $environment \
        chroot --userspec "$(of USER)" "$root" "$@"
}
entry=$(of ENTRYPOINT | tr -d '[]",')
in_image "$entry" seed > /dev/null
in_image "$entry" "$(of CMD | tr -d '[]",')" > "$cluster/said" 2>&1 &
server=$!
healthy() {
    # The command is a list in JSON, whose strings are Python's as well.
    in_image bash -c "$(of HEALTHCHECK | sed 's/.* CMD //' | python3 -c 'import json, sys; print(json.load(sys.stdin)[2])')"
}
tries=300
until healthy 2> /dev/null; do
    tries=$((tries - 1))
    if [ "$tries" = 0 ] || ! kill -0 "$server" 2> /dev/null; then
        cat "$cluster/said" >&2
        exit 1
    fi
    sleep 0.1
done
echo "  the health check passes"
curl --silent --fail http://127.0.0.1:8000/api/v1/events | grep -q '"title"'
echo "  it serves the demo"
[ "$(stat -c %u "/proc/$(pgrep -x seatcast)")" = 10001 ]
echo "  under a user of its own"
kill "$(pgrep -x seatcast)"
wait "$server"
echo "  and stops in order"
as_postgres "$programs/pg_ctl" --pgdata "$cluster/data" --mode fast --wait --silent stop
rm -rf "$cluster"
