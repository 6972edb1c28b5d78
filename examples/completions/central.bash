# bash completion of Central's tools. Options are what --help lists, so they cannot drift; names are those of this machine.
# shellcheck shell=bash

_central_options() {
    "$1" --help 2>/dev/null | sed -n 's/^ *\(-.,\)\{0,1\} *\(--[a-z-]*\).*/\2/p'
}

_central_sources() { central-adapter list --json 2>/dev/null | sed -n 's/^{"name":"\([^"]*\)".*/\1/p'; }
_central_streams() { central-streams list --json 2>/dev/null | sed -n 's/.*"name":"\([^"]*\)".*/\1/p'; }
_central_adapters() { psql -XAtqc 'select adapter from events_adapters' ${DATABASE_URL:+"$DATABASE_URL"} 2>/dev/null || _central_sources; }
_central_categories() {
    psql -XAtqc 'select distinct category from (select category from events order by received desc limit 10000) e' \
        ${DATABASE_URL:+"$DATABASE_URL"} 2>/dev/null
}

_central() {
    local tool=${COMP_WORDS[0]##*/} current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=''
    COMPREPLY=()
    case $previous in
    --file | --from | --metrics) return 0 ;; # files: the default
    --adapter) words=$(_central_adapters) ;;
    --category) words=$(_central_categories) ;;
    --format) words='ndjson table csv geojson geojson-seq' ;;
    --by) words='adapter category day severity' ;;
    esac
    if [[ -z $words && $current == -* ]]; then
        words=$(_central_options "$tool")
    elif [[ -z $words ]]; then
        case $tool in
        central-adapter)
            words='list show status check preview set enable disable'
            ((COMP_CWORD == 1)) || words=$(_central_sources)
            ;;
        central-streams)
            words='list show diff apply consumers check rm purge retention tune'
            ((COMP_CWORD == 1)) || words=$(_central_streams)
            ;;
        central-fetch | central-source | central-audit) words=$(_central_sources) ;;
        central-commit) [[ " ${COMP_WORDS[*]} " != *' --reconcile '* ]] || words=$(_central_sources) ;;
        central-subscribe) words=$(_central_streams) ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o default -F _central central-adapter central-archive central-audit central-changes central-commit central-fetch \
    central-normalize central-publish central-query central-source central-streams central-subscribe central-top
