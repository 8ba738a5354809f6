# shellcheck shell=sh
# install-image.sh root binary: carries out the last stage of the Dockerfile in the root.
root=$1
binary=$2
. scripts/debian/mounts.sh
. scripts/debian/dockerfile.sh
last_stage | while read -r instruction rest; do
    case "$instruction" in
        RUN) chroot "$root" sh -euc "$rest" < /dev/null ;;
        COPY) install -D "$binary" "$root/${rest##* }" ;;
        USER | ENV | EXPOSE | HEALTHCHECK | ENTRYPOINT | CMD) ;;
        *)
            echo "Nobody carries out $instruction" >&2
            exit 1
            ;;
    esac
done
