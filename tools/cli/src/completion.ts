import { RootCommand } from '@bomb.sh/tab';
import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { examples } from './arguments.ts';

/** Adds the command by which shells complete command lines; the library adds it without a word for people. */
export function declareCompletion(program: Command): void {
  const completion = tab(program);
  completion.setup = (name, executable, shell) => {
    if (shell === 'bash') program.configureOutput().writeOut?.(BASH);
    else RootCommand.prototype.setup.call(completion, name, executable, shell);
  };
  for (const command of completion.commands.values()) {
    for (const [name, option] of completion.options) {
      if (name !== 'version' && !command.options.has(name)) command.options.set(name, option);
    }
  }
  program.commands
    .find((command) => command.name() === 'complete')
    ?.description('print a script by which a shell completes commands: bash, zsh, fish or powershell')
    .addHelpText('after', examples('source <(hypermesh complete bash)'));
}

// The library's own needs functions of the package bash-completion, cannot be read twice and evaluates what is typed. What the program
// answers is a line `VALUE<tab>DESCRIPTION` for each candidate, without `--option=` before the values of an option, and `:NUMBER`
// at the end. The program does not say where a file is meant: bash completes files wherever there is no candidate.
const BASH = `# bash completion for hypermesh

__hypermesh_complete() {
    local words=() rest=\${COMP_LINE:0:COMP_POINT} blank word value kept= breaks=\${COMP_WORDBREAKS//[^:=]/} i
    COMPREPLY=()

    # Bash also splits words at ":" and "="; only blanks end a word of the command line.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        blank=\${rest%%[![:space:]]*}
        rest=\${rest#"$blank"}
        word=$rest
        ((i < COMP_CWORD)) && word=\${COMP_WORDS[i]}
        rest=\${rest#"$word"}
        if ((i > 0)) && [[ -z $blank ]]; then
            words[\${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
    done
    word=\${words[\${#words[@]}-1]}

    # Bash keeps what is before the last place where it splits.
    [[ -n $breaks ]] && kept=\${word%"\${word##*[$breaks]}"}
    while IFS=$'\\t' read -r value _; do
        [[ -z $value || $value == :* ]] && continue
        [[ $word == --*=* ]] && value=\${word%%=*}=$value
        COMPREPLY+=("\${value#"$kept"}")
    done <<< "$(hypermesh complete -- "\${words[@]:1}" 2> /dev/null)"
}

complete -o default -F __hypermesh_complete hypermesh
`;
