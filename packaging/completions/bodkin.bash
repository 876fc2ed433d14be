# SPDX-License-Identifier: Apache-2.0
# bash completion for bodkin

# One's own devices, as this machine remembers them. Their names may have blanks.
_bodkin_devices()
{
	local name IFS=$'\n'

	for name in $("${COMP_WORDS[0]}" devices known 2>/dev/null); do
		[[ $name == "$cur"* ]] && COMPREPLY+=("$(printf %q "$name")")
	done
}

# Rooms that are remembered: a line each, with name, server and invite, and tabs between.
_bodkin_rooms()
{
	local name IFS=$'\n'

	for name in $(cut -f1 "${XDG_STATE_HOME:-$HOME/.local/state}/bodkin/rooms" 2>/dev/null); do
		[[ $name == "$cur"* ]] && COMPREPLY+=("$(printf %q "$name")")
	done
}

_bodkin()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
	local all="--loop --json --quiet --verbose --help --token"
	local meets="--words --timeout"
	local client="--server --name --transport --path --peer --interface --no-lan --no-port-mapping --polite"

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		COMPREPLY=($(compgen -W "send recv chat devices ping serve nat lab help --help --version" -- "$cur"))
		return
	fi
	case $prev in
	--answer) COMPREPLY=($(compgen -W "drop reject reset accept" -- "$cur")); return ;;
	--transport) COMPREPLY=($(compgen -W "auto udp tcp" -- "$cur")); return ;;
	--path) COMPREPLY=($(compgen -W "auto direct relay" -- "$cur")); return ;;
	--compress) COMPREPLY=($(compgen -W "auto off" -- "$cur")); return ;;
	--links) COMPREPLY=($(compgen -W "keep follow skip" -- "$cur")); return ;;
	--conflict) COMPREPLY=($(compgen -W "ask fail skip overwrite rename" -- "$cur")); return ;;
	--loop) COMPREPLY=($(compgen -W "auto epoll poll select" -- "$cur")); return ;;
	--token) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
	-o | --output | --state) compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return ;;
	-s | --server) COMPREPLY=($(compgen -W "$BODKIN_SERVER" -- "$cur")); return ;;
	--interface) COMPREPLY=($(compgen -W "$(ls /sys/class/net 2>/dev/null)" -- "$cur")); return ;;
	--room) _bodkin_rooms; return ;;
	--peer) COMPREPLY=($(compgen -A hostname -- "$cur")); return ;;
	--to | --from) _bodkin_devices; return ;;
	--code | --name | --remember | --words | --timeout | -c | --count | -i | --interval | --id | -l | --listen | --alt-port | --alt-addr | --delay | --jitter | --loss | --rate) return ;;
	--with) COMPREPLY=($(compgen -W "miniupnpd pcp natpmp upnp noise: lifetime: small-table: hairpin udp-blocked https-only" -- "$cur")); return ;;
	esac
	case $command in
	send)
		if [[ $cur == -* ]]; then
			COMPREPLY=($(compgen -W "$client $meets $all --code --to --copies --keep --exclude --links --text --qr --compress --limit" -- "$cur"))
		else
			compopt -o filenames
			COMPREPLY=($(compgen -f -- "$cur"))
		fi
		;;
	recv) COMPREPLY=($(compgen -W "$client $meets $all --output --yes --conflict --overwrite --hidden --executable --max-size --limit --forget-parts --daemon --from" -- "$cur")) ;;
	chat) COMPREPLY=($(compgen -W "$client $meets $all --output --room --new-room --remember" -- "$cur")) ;;
	devices)
		if ((COMP_CWORD == 2)) && [[ $cur != -* ]]; then
			COMPREPLY=($(compgen -W "new join name forget invite known" -- "$cur"))
		elif [[ $prev == forget ]]; then
			_bodkin_devices
		else
			COMPREPLY=($(compgen -W "$client $all --watch --replace" -- "$cur"))
		fi
		;;
	ping)
		if [[ $cur == -* ]]; then
			COMPREPLY=($(compgen -W "$client $meets $all --count --interval --plain --id" -- "$cur"))
		else
			_bodkin_devices
		fi
		;;
	serve) COMPREPLY=($(compgen -W "$all --listen --alt-port --alt-addr --no-port-mapping --state --plain --show" -- "$cur")) ;;
	nat) COMPREPLY=($(compgen -W "--server --lifetime $all" -- "$cur")) ;;
	lab) COMPREPLY=($(compgen -W "up exec matrix status down probe --help --name --answer --delay --jitter --loss --rate --with --replace --transport --runs --types --svg --json" -- "$cur")) ;;
	help) COMPREPLY=($(compgen -W "send recv chat devices ping serve nat lab" -- "$cur")) ;;
	esac
}
complete -F _bodkin bodkin
