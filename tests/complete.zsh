# complete.zsh - what TAB offers in zsh: zsh -f tests/complete.zsh FOLDER <LINES
#
# Each line is typed into an interactive zsh with the completions of FOLDER, TAB behind it; written is what its completion
# adds, sorted, in one line. For tests/completion.t.
zmodload zsh/zpty zsh/zselect || exit 69
export offers=$(mktemp) folder=$1
init=$(mktemp)
trap 'zpty -d z 2>/dev/null; rm -f $offers $init' EXIT

cat >$init <<'Z'
PS1= PS2= LISTMAX=1000000
unsetopt autolist automenu beep promptcr promptsp zle_bracketed_paste 2>/dev/null
fpath=($folder $fpath)
autoload -Uz compinit
compinit -u -D
# Completion hands each match to this builtin; with -O, -A and -D only to sort some out.
compadd() {
    local -a matches
    if [[ -z ${@[(r)-[OAD]]} ]]; then
        builtin compadd -O matches "$@"
        print -rl -- $matches >>$offers
    fi
    builtin compadd "$@"
}
end_line() {
    BUFFER=
    print -r -- = >>$offers
}
zle -N end_line
bindkey '^I' complete-word
bindkey '^X^D' end_line
print -r -- = >>$offers
Z

# What the terminal shows is read, so that nobody waits for room.
wait_for_end() {
    local shown
    repeat 1200; do
        while zpty -rt z shown 2>/dev/null; do :; done
        grep -qx = $offers && return
        zselect -t 5
    done
    print -u2 "complete.zsh: no answer to TAB"
    exit 1
}

TERM=dumb zpty -b z zsh -f -i
zpty -w z "source $init"
wait_for_end
while IFS= read -r line; do
    : >$offers
    zpty -wn z "$line"$'\t\x18\x04'
    wait_for_end
    grep -vx -e = -e '' $offers | sort -u | paste -sd ' '
done
