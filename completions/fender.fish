# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_fender_global_optspecs
    string join \n h/help V/version
end

function __fish_fender_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_fender_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_fender_using_subcommand
    set -l cmd (__fish_fender_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c fender -n "__fish_fender_needs_command" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_needs_command" -s V -l version -d 'Print version'
complete -c fender -n "__fish_fender_needs_command" -f -a "explain" -d 'Show what a docker command would do, and what fender would say'
complete -c fender -n "__fish_fender_needs_command" -f -a "why" -d 'Explain the last command that fender had something to say about'
complete -c fender -n "__fish_fender_needs_command" -f -a "plan" -d 'Show what a docker command would delete, and what is lost'
complete -c fender -n "__fish_fender_needs_command" -f -a "lint" -d 'Find and fix problems in Dockerfiles, compose and bake files'
complete -c fender -n "__fish_fender_needs_command" -f -a "context" -d 'Show which files a build would send, and which are secrets'
complete -c fender -n "__fish_fender_needs_command" -f -a "undo" -d 'Restore what the last deletion on this engine took'
complete -c fender -n "__fish_fender_needs_command" -f -a "trash" -d 'List, restore or remove what was kept of deletions'
complete -c fender -n "__fish_fender_needs_command" -f -a "protect" -d 'Protect something from deletion; alone: list what is protected'
complete -c fender -n "__fish_fender_needs_command" -f -a "unprotect" -d 'Allow deletion again of something that is protected'
complete -c fender -n "__fish_fender_needs_command" -f -a "rules" -d 'List the rules, or explain one and how to allow it'
complete -c fender -n "__fish_fender_needs_command" -f -a "policy" -d 'Test a policy by the examples that it contains'
complete -c fender -n "__fish_fender_needs_command" -f -a "doctor" -d 'Check the installation, and say how to fix what is not right'
complete -c fender -n "__fish_fender_needs_command" -f -a "completions" -d 'Print completions for a shell'
complete -c fender -n "__fish_fender_needs_command" -f -a "docker" -d 'Guard one docker command, whatever fender\'s file is called'
complete -c fender -n "__fish_fender_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c fender -n "__fish_fender_using_subcommand explain" -l format -d 'How to print it' -r -f -a "text\t''
json\t''"
complete -c fender -n "__fish_fender_using_subcommand explain" -l environment -d 'Judge for this environment: dev, ci, prod, or one that the policy names' -r
complete -c fender -n "__fish_fender_using_subcommand explain" -l caller -d 'Judge for this caller; the environment\'s markers do not count' -r -f -a "person\t'Somebody at a terminal'
script\t'A program without a terminal'
agent\t'A coding agent'"
complete -c fender -n "__fish_fender_using_subcommand explain" -l mask -d 'Show passwords and tokens as *** in JSON too'
complete -c fender -n "__fish_fender_using_subcommand explain" -l offline -d 'Do not ask the engine'
complete -c fender -n "__fish_fender_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fender -n "__fish_fender_using_subcommand why" -l format -d 'How to print it' -r -f -a "text\t''
json\t''"
complete -c fender -n "__fish_fender_using_subcommand why" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand plan" -l format -d 'How to print it' -r -f -a "text\t''
json\t''"
complete -c fender -n "__fish_fender_using_subcommand plan" -l caller -d 'Judge for this caller; the environment\'s markers do not count' -r -f -a "person\t'Somebody at a terminal'
script\t'A program without a terminal'
agent\t'A coding agent'"
complete -c fender -n "__fish_fender_using_subcommand plan" -l mask -d 'Show passwords and tokens as *** in JSON too'
complete -c fender -n "__fish_fender_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fender -n "__fish_fender_using_subcommand lint" -l format -d 'How to print it: for a person, or for another program' -r -f -a "text\t''
json\t''
sarif\t''
github\t''
gitlab\t''
checkstyle\t''"
complete -c fender -n "__fish_fender_using_subcommand lint" -l rule -d 'Only findings of these rules' -r
complete -c fender -n "__fish_fender_using_subcommand lint" -l ignore -d 'No findings of these rules' -r
complete -c fender -n "__fish_fender_using_subcommand lint" -l level -d 'Exit with code 1 for findings at or above this level: note (careless defaults), warning, error (escape and loss)' -r -f -a "note\t''
warning\t''
error\t''"
complete -c fender -n "__fish_fender_using_subcommand lint" -l config -d 'Take the configuration from this file, and not from .fender.toml' -r
complete -c fender -n "__fish_fender_using_subcommand lint" -l baseline -d 'Report no findings that this file knows; it is written by --write-baseline' -r
complete -c fender -n "__fish_fender_using_subcommand lint" -l since -d 'Only findings about files and lines that changed since this revision of the git repository' -r
complete -c fender -n "__fish_fender_using_subcommand lint" -l fix -d 'Write safe fixes, for all rules or for these; on a terminal it asks first' -r
complete -c fender -n "__fish_fender_using_subcommand lint" -l path -d 'With - as the only PATH: the name of the file that standard input holds' -r
complete -c fender -n "__fish_fender_using_subcommand lint" -s q -l quiet -d 'One line for each finding'
complete -c fender -n "__fish_fender_using_subcommand lint" -l summary -d 'How many findings each rule has; with another format than text on standard error, in text instead of the findings'
complete -c fender -n "__fish_fender_using_subcommand lint" -l no-config -d 'Read no .fender.toml; policies still apply'
complete -c fender -n "__fish_fender_using_subcommand lint" -l no-inline-allow -d 'Report what comments in the files allow, too'
complete -c fender -n "__fish_fender_using_subcommand lint" -l write-baseline -d 'Write all findings into the file of --baseline, and report none'
complete -c fender -n "__fish_fender_using_subcommand lint" -l unsafe-fixes -d 'With --fix or --diff: also the fixes that may break the image'
complete -c fender -n "__fish_fender_using_subcommand lint" -l diff -d 'Show what --fix would change, and write nothing'
complete -c fender -n "__fish_fender_using_subcommand lint" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand context" -l format -d 'How to print it' -r -f -a "text\t''
json\t''"
complete -c fender -n "__fish_fender_using_subcommand context" -s f -l file -d 'The Dockerfile, if it is not PATH/Dockerfile' -r
complete -c fender -n "__fish_fender_using_subcommand context" -l target -d 'The stage that is built, if it is not the last one' -r
complete -c fender -n "__fish_fender_using_subcommand context" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand undo" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand trash; and not __fish_seen_subcommand_from list show restore image empty help" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand trash; and not __fish_seen_subcommand_from list show restore image empty help" -f -a "list" -d 'List what is in the trash, the newest last'
complete -c fender -n "__fish_fender_using_subcommand trash; and not __fish_seen_subcommand_from list show restore image empty help" -f -a "show" -d 'Show one deletion with all its objects, or one container as a docker run command'
complete -c fender -n "__fish_fender_using_subcommand trash; and not __fish_seen_subcommand_from list show restore image empty help" -f -a "restore" -d 'Restore one deletion, or one object of it; without a number, choose from a list'
complete -c fender -n "__fish_fender_using_subcommand trash; and not __fish_seen_subcommand_from list show restore image empty help" -f -a "image" -d 'Load the files that a container wrote as an image, to create a container from it by hand'
complete -c fender -n "__fish_fender_using_subcommand trash; and not __fish_seen_subcommand_from list show restore image empty help" -f -a "empty" -d 'Delete everything in the trash, or one deletion; asks first'
complete -c fender -n "__fish_fender_using_subcommand trash; and not __fish_seen_subcommand_from list show restore image empty help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c fender -n "__fish_fender_using_subcommand trash; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand trash; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand trash; and __fish_seen_subcommand_from restore" -l as -d 'Give that object this name' -r
complete -c fender -n "__fish_fender_using_subcommand trash; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand trash; and __fish_seen_subcommand_from image" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand trash; and __fish_seen_subcommand_from empty" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand trash; and __fish_seen_subcommand_from help" -f -a "list" -d 'List what is in the trash, the newest last'
complete -c fender -n "__fish_fender_using_subcommand trash; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one deletion with all its objects, or one container as a docker run command'
complete -c fender -n "__fish_fender_using_subcommand trash; and __fish_seen_subcommand_from help" -f -a "restore" -d 'Restore one deletion, or one object of it; without a number, choose from a list'
complete -c fender -n "__fish_fender_using_subcommand trash; and __fish_seen_subcommand_from help" -f -a "image" -d 'Load the files that a container wrote as an image, to create a container from it by hand'
complete -c fender -n "__fish_fender_using_subcommand trash; and __fish_seen_subcommand_from help" -f -a "empty" -d 'Delete everything in the trash, or one deletion; asks first'
complete -c fender -n "__fish_fender_using_subcommand trash; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c fender -n "__fish_fender_using_subcommand protect" -l reason -d 'Why it must not be deleted' -r
complete -c fender -n "__fish_fender_using_subcommand protect" -l system -d 'Protect it for every user of this machine; needs root'
complete -c fender -n "__fish_fender_using_subcommand protect" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand unprotect" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand rules" -l environment -d 'How to allow it in this environment; without it, in the one of the engine that docker reaches here' -r
complete -c fender -n "__fish_fender_using_subcommand rules" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand policy; and not __fish_seen_subcommand_from test help" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand policy; and not __fish_seen_subcommand_from test help" -f -a "test" -d 'Judge the examples ([[example]]) of the policy files, and say which verdicts differ'
complete -c fender -n "__fish_fender_using_subcommand policy; and not __fish_seen_subcommand_from test help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c fender -n "__fish_fender_using_subcommand policy; and __fish_seen_subcommand_from test" -l format -d 'How to print it' -r -f -a "text\t''
json\t''"
complete -c fender -n "__fish_fender_using_subcommand policy; and __fish_seen_subcommand_from test" -l caller -d 'The caller of the examples that name none' -r -f -a "person\t'Somebody at a terminal'
script\t'A program without a terminal'
agent\t'A coding agent'"
complete -c fender -n "__fish_fender_using_subcommand policy; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fender -n "__fish_fender_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "test" -d 'Judge the examples ([[example]]) of the policy files, and say which verdicts differ'
complete -c fender -n "__fish_fender_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c fender -n "__fish_fender_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand completions" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand docker" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "explain" -d 'Show what a docker command would do, and what fender would say'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "why" -d 'Explain the last command that fender had something to say about'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "plan" -d 'Show what a docker command would delete, and what is lost'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "lint" -d 'Find and fix problems in Dockerfiles, compose and bake files'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "context" -d 'Show which files a build would send, and which are secrets'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "undo" -d 'Restore what the last deletion on this engine took'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "trash" -d 'List, restore or remove what was kept of deletions'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "protect" -d 'Protect something from deletion; alone: list what is protected'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "unprotect" -d 'Allow deletion again of something that is protected'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "rules" -d 'List the rules, or explain one and how to allow it'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "policy" -d 'Test a policy by the examples that it contains'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "doctor" -d 'Check the installation, and say how to fix what is not right'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "completions" -d 'Print completions for a shell'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "docker" -d 'Guard one docker command, whatever fender\'s file is called'
complete -c fender -n "__fish_fender_using_subcommand help; and not __fish_seen_subcommand_from explain why plan lint context undo trash protect unprotect rules policy doctor completions docker help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c fender -n "__fish_fender_using_subcommand help; and __fish_seen_subcommand_from trash" -f -a "list" -d 'List what is in the trash, the newest last'
complete -c fender -n "__fish_fender_using_subcommand help; and __fish_seen_subcommand_from trash" -f -a "show" -d 'Show one deletion with all its objects, or one container as a docker run command'
complete -c fender -n "__fish_fender_using_subcommand help; and __fish_seen_subcommand_from trash" -f -a "restore" -d 'Restore one deletion, or one object of it; without a number, choose from a list'
complete -c fender -n "__fish_fender_using_subcommand help; and __fish_seen_subcommand_from trash" -f -a "image" -d 'Load the files that a container wrote as an image, to create a container from it by hand'
complete -c fender -n "__fish_fender_using_subcommand help; and __fish_seen_subcommand_from trash" -f -a "empty" -d 'Delete everything in the trash, or one deletion; asks first'
complete -c fender -n "__fish_fender_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "test" -d 'Judge the examples ([[example]]) of the policy files, and say which verdicts differ'
