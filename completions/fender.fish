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
complete -c fender -n "__fish_fender_needs_command" -f -a "explain" -d 'Show what a docker command would do, and what fender would say; runs nothing'
complete -c fender -n "__fish_fender_needs_command" -f -a "rules" -d 'List the rules, or show one'
complete -c fender -n "__fish_fender_needs_command" -f -a "doctor" -d 'Check that fender stands in front of docker, and say what to do where it does not'
complete -c fender -n "__fish_fender_needs_command" -f -a "completions" -d 'Print completions for a shell'
complete -c fender -n "__fish_fender_needs_command" -f -a "docker" -d 'Guard one docker command, whatever fender is called'
complete -c fender -n "__fish_fender_using_subcommand explain" -l format -d 'How to print it' -r -f -a "text\t''
json\t''"
complete -c fender -n "__fish_fender_using_subcommand explain" -l environment -d 'Judge as in this environment: dev, ci, prod, or one of the policy\'s' -r
complete -c fender -n "__fish_fender_using_subcommand explain" -l offline -d 'Ask no engine'
complete -c fender -n "__fish_fender_using_subcommand explain" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand rules" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand completions" -s h -l help -d 'Print help'
complete -c fender -n "__fish_fender_using_subcommand docker" -s h -l help -d 'Print help'
