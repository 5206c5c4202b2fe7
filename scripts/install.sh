#!/bin/sh
# make install / make uninstall: library, header, pkg-config file and tools below DESTDIR and PREFIX.
# Every file is noted with its hash in a manifest; uninstall removes what is noted and unchanged, and nothing else.
set -eu
target="${DESTDIR}${PREFIX}"
home="$target/lib/gaudi-box"
manifest="$home/manifest"

fail() { echo "install: $*" >&2; exit 1; }

note() { (cd "$target" && sha256sum "$1") >>"$manifest.new"; }

put() { # mode source destination-below-target
    [ ! -e "$target/$3" ] || grep -q "  $3\$" "$manifest" 2>/dev/null ||
        fail "$target/$3 exists and is not ours; it is left alone. Choose another PREFIX"
    mkdir -p "$(dirname "$target/$3")"
    install -m "$1" "$2" "$target/$3"
    note "$3"
}

wrapper() { # name module
    script=$(mktemp)
    printf '#!/bin/sh\nPYTHONPATH="%s/lib/gaudi-box/python" exec %s -P -m %s "$@"\n' "$PREFIX" "$python" "$2" >"$script"
    put 755 "$script" "bin/$1"
    rm -f "$script"
}

do_install() {
    python=$("$BIN/python" -c 'import sys; print(sys._base_executable)')
    mkdir -p "$home" || fail "cannot write in $target; use sudo or another PREFIX"
    : >"$manifest.new"
    rm -rf "$home/python"
    "$BIN/python" -m pip install --quiet --disable-pip-version-check --target "$home/python" build/wheel/*.whl
    libs=$("$BIN/python" -m hlml --libdir)
    put 755 "$libs/libhlml.so" lib/libhlml.so
    put 755 "$libs/libhlml.so" lib/libhlml.so.1
    put 644 "$("$BIN/python" -m hlml --includedir)/hlml.h" include/hlml.h
    pc=$(mktemp)
    sed "s#^prefix=.*#prefix=$PREFIX#" "$("$BIN/python" -m hlml --pkgconfigdir)/hlml.pc" >"$pc"
    put 644 "$pc" lib/pkgconfig/hlml.pc
    rm -f "$pc"
    wrapper hl-smi hl_smi
    wrapper hl_qual hl_qual
    wrapper gaudi-box device
    mv "$manifest.new" "$manifest"
    echo "installed below $target; 'make uninstall' with the same DESTDIR and PREFIX removes it"
}

do_uninstall() {
    [ -f "$manifest" ] || fail "nothing of ours is installed below $target"
    while read -r hash name; do
        now=$(cd "$target" && sha256sum "$name" 2>/dev/null | cut -d' ' -f1) || now=
        if [ "$now" = "$hash" ]; then rm -f "$target/$name"; else echo "kept $target/$name: it was changed" >&2; fi
    done <"$manifest"
    rm -rf "$home"
    echo "removed from $target"
}

case "${1:-}" in
install) do_install ;;
uninstall) do_uninstall ;;
*) fail "usage: install.sh install|uninstall, with DESTDIR, PREFIX and BIN set" ;;
esac
