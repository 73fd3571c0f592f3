#!/usr/bin/env bash
# Installs the libraries that Qt and VTK need to draw without a display, a font and a browser to open the reports in: only
# what is missing, only with apt-get.
set -euo pipefail

PYTHON=${1:-python3}
libraries=$(ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null || true)
missing=()

# need NAME PACKAGE...: unless the dynamic linker knows the library; of several packages the first that exists is taken
need() {
  if ! grep -qF "$1" <<<"$libraries"; then missing+=("${*:2}"); fi
}

[ "$(uname -s)" = Linux ] || exit 0
need libEGL.so.1 libegl1
need libEGL_mesa.so.0 libegl-mesa0
need libGL.so.1 libgl1
need libOpenGL.so.0 libopengl0
need libX11.so.6 libx11-6
need libxkbcommon.so.0 libxkbcommon0
need libdbus-1.so.3 libdbus-1-3
need libfontconfig.so.1 libfontconfig1
need libfreetype.so.6 libfreetype6
need libglib-2.0.so.0 libglib2.0-0t64 libglib2.0-0
need libzstd.so.1 libzstd1
need libexpat.so.1 libexpat1
compgen -G '/usr/lib*/*/dri/*swrast*' >/dev/null || compgen -G '/usr/lib*/*/libgallium*' >/dev/null || missing+=(libgl1-mesa-dri)
[ -n "$(find /usr/share/fonts /usr/local/share/fonts -name '*.[to]tf' 2>/dev/null | head -n 1)" ] || missing+=(fonts-dejavu-core)
[ "$PYTHON" != python3 ] || python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)

# Ubuntu's apt has Chromium as a snap only, which containers cannot run.
if ! command -v chromium chromium-browser google-chrome chrome >/dev/null; then
  if grep -q '^ID=debian' /etc/os-release 2>/dev/null; then
    missing+=(chromium)
  else
    echo "There is no Chromium here and apt has none: tests that open the reports in a browser are skipped." >&2
  fi
fi

[ ${#missing[@]} -gt 0 ] || exit 0

say() { echo "$*" >&2; }
if ! command -v apt-get >/dev/null; then
  say "There is no apt-get here. Tests that draw will fail until these, by their Debian names, are installed: ${missing[*]}"
  exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
  as_root=()
elif sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  say "Neither root nor sudo without a password. Tests that draw will fail until somebody runs: apt-get install ${missing[*]}"
  exit 0
fi

"${as_root[@]}" apt-get update -qq
packages=()
for names in "${missing[@]}"; do
  for name in $names; do
    if apt-cache show "$name" >/dev/null 2>&1; then packages+=("$name"); break; fi
  done
done
say "Installing ${packages[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
