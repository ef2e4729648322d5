//! What programs run: the table of `programs`.

/// A program's name, the environment that the engine counts as (losses are noted in `ci`, and most findings asked about in `prod`),
/// and its commands. `< TEXT |` in front is what the command reads; `FOLDER` stands for a folder with a Dockerfile and compose files, and a command behind `@empty` runs in one
/// that has none.
pub struct Scenario {
    pub name: &'static str,
    pub environment: &'static str,
    pub commands: &'static str,
}

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "clean up if it is there",
        environment: "dev",
        commands: "
            rm nosuch
            rm -f nosuch
            rm -fv nosuch other
            rm -v nosuch
            stop nosuch
            kill nosuch
            volume rm nosuch
            volume rm -f nosuch
            network rm nosuch
            network rm -f nosuch
            rmi nosuch
            rmi -f nosuch:1
            image rm nosuch
            context rm nosuch
            context rm -f nosuch
            plugin rm nosuch
            plugin rm -f nosuch
            plugin disable nosuch
            plugin enable nosuch
            swarm leave
            swarm leave --force
            node rm x
            node rm -f x
            stack rm nosuch
            service rm nosuch
            secret rm nosuch
            config rm nosuch
            compose -p nosuch down
            compose -p nosuch down -v
            compose -p nosuch down -v --remove-orphans --rmi all
            exec --privileged nosuch sh
            exec nosuch sh
            < n | volume prune
            < y | volume prune
            volume prune
            volume prune -f
            volume prune -af
            network prune -f
            container prune -f
            image prune -f
            < n | system prune
            < n | container prune
            builder prune -f --filter until=9000h
            run --no-such-flag x
            no-such-command
            compose -f nosuch.yaml up
        ",
    },
    Scenario {
        name: "clean up on production",
        environment: "prod",
        commands: "
            rm -f nosuch
            rm -fv nosuch other
            stop -t0 nosuch
            kill nosuch
            restart -t 0 nosuch
            rename nosuch other
            update --memory 1g nosuch
            volume rm nosuch
            network rm nosuch
            network connect nosuch other
            network disconnect nosuch other
            network disconnect -f nosuch other
            rmi -f nosuch:1
            tag nosuch other:1
            context rm -f nosuch
            context use nosuch
            context update nosuch --description x
            swarm leave --force
            node rm -f x
            node update --availability drain x
            stack rm nosuch
            service rm nosuch
            service scale nosuch=0
            service scale nosuch=0 other=2
            service update --image x nosuch
            service update --publish-add 80:80 nosuch
            service create base
            service create --publish 80:80 base
            secret rm nosuch
            compose -p nosuch down -v
            compose -p nosuch kill
            compose -p nosuch kill -s TERM web
            compose -p nosuch stop -t 0
            compose -p nosuch rm -fsv
            compose -f FOLDER/compose.yaml kill
            compose -f FOLDER/compose.yaml restart -t 0 other
            compose -f FOLDER/broken.yaml down -v
            compose -f FOLDER/broken.yaml down --rmi all --remove-orphans
            compose -f FOLDER/broken.yaml up -d
            compose -f FOLDER/broken.yaml run web
            compose -f FOLDER/broken.yaml rm -fsv
            compose -f FOLDER/broken.yaml kill
            compose -f FOLDER/compose.yaml -f FOLDER/broken.yaml up
            compose -f FOLDER/nameless.yaml down -v
            buildx rm nosuch
            buildx rm nosuch other
            image prune -f
            volume prune -af
            no-such-command
            no-such-command --privileged -v /:/h
            system no-such-command
            compose no-such-command
            compose -f FOLDER/compose.yaml no-such-command x
            buildx no-such-command
            --no-such-flag ps
            -D --no-such-flag=1 volume rm x
            volume rm --no-such-flag nosuch
            system prune --no-such-flag
            run --no-such-flag x
            -H nonsense://x rm x
            -H nonsense://x volume rm x
            --context nosuch rm -f x
        ",
    },
    Scenario {
        name: "a project without volumes",
        environment: "dev",
        commands: "
            compose -f FOLDER/compose.yaml up -d --pull never
            compose -f FOLDER/compose.yaml down -v -t 0
            compose -f FOLDER/compose.yaml down -v
        ",
    },
    Scenario {
        name: "deploy script of CI",
        environment: "ci",
        commands: "
            version --format {{.Server.Os}}
            info --format {{.OSType}}
            compose version --short
            network create deploy
            volume create deploy-data
            run -d --name deploy-db --network deploy -v deploy-data:/data --health-cmd true base sleep 600
            inspect -f {{.State.Running}} deploy-db
            ps --filter name=deploy --format {{.Names}}
            exec deploy-db sh -c 'echo 1 > /data/v; cat /data/v'
            exec deploy-db false
            exec deploy-db sh -c 'echo err >&2; exit 3'
            run --rm --network deploy base true
            run --rm base sh -c 'exit 7'
            logs deploy-db
            stop -t 0 deploy-db
            rename deploy-db deploy-old
            run -d --name deploy-db --network deploy -v deploy-data:/data base sleep 600
            rm -f deploy-old
            wait nosuch
            rm -f deploy-db
            volume rm deploy-data
            network rm deploy
        ",
    },
    Scenario {
        name: "testcontainers",
        environment: "ci",
        commands: "
            info --format {{.ServerVersion}}
            create --name tc-1 --label org.testcontainers=true --label session=1 -p 127.0.0.1::80 base sleep 600
            start tc-1
            inspect --format {{.Config.Labels}} tc-1
            create --name tc-2 --label org.testcontainers=true --rm base sleep 600
            start tc-2
            ps -a --filter label=org.testcontainers=true --format {{.Names}}
            cp FOLDER/file tc-1:/tmp/file
            exec tc-1 cat /tmp/file
            stop -t 0 tc-2
            kill tc-1
            kill tc-1
            rm -fv tc-1
            rm -fv tc-1
            volume ls -q --filter label=org.testcontainers=true
            container prune -f --filter label=session=1
            network prune -f --filter label=session=1
            volume prune -f --filter label=session=1
            image prune -f --filter label=session=1
        ",
    },
    Scenario {
        name: "devcontainer",
        environment: "ci",
        commands: "
            ps -q -a --filter label=devcontainer.local_folder=/w
            inspect --type image base --format {{.Os}}
            inspect --type image nosuch
            volume create vscode
            run --sig-proxy=false -d --name dc --label devcontainer.local_folder=/w -v vscode:/vscode -w /tmp --entrypoint /bin/sh base -c 'while sleep 1; do :; done'
            inspect --type container dc --format {{.Config.WorkingDir}}
            exec -i -u root dc /bin/sh -c 'id -u'
            < echo in | exec -i dc /bin/sh
            exec -e A=1 -w / dc sh -c 'echo $A; pwd'
            exec -u nobody dc id -un
            stop -t 0 dc
            start dc
            exec dc true
            rm -f dc
            volume rm vscode
        ",
    },
    Scenario {
        name: "python-on-whales",
        environment: "ci",
        commands: "
            image inspect base --format {{.Architecture}}
            image ls -q --no-trunc nosuch
            image tag base whales:1
            image ls --format {{.Repository}}:{{.Tag}} whales
            container create --name pw base sleep 600
            container start pw
            container inspect pw --format {{.Name}}
            container list --all --format {{.Names}} --filter name=pw
            container logs pw
            container pause pw
            container unpause pw
            container restart -t 0 pw
            container rename pw pw2
            container stats --no-stream --format {{.Name}} pw2
            container diff pw2
            container top pw2 -o comm
            container commit pw2 whales:2
            container stop -t 0 pw2
            container export -o out.tar pw2
            container remove --force --volumes pw2
            image history -q whales:2
            image save -o image.tar whales:2
            image remove whales:2
            image load -q -i image.tar
            image remove -f whales:2 whales:1
            system df --format {{.Type}}
            volume create pw-volume
            volume inspect pw-volume --format {{.Driver}}
            volume list -q --filter name=pw-volume
            volume remove pw-volume
            volume remove pw-volume
        ",
    },
    Scenario {
        name: "compose end to end",
        environment: "ci",
        commands: "
            compose -f FOLDER/compose.yaml config --services
            compose -f FOLDER/compose.yaml config -q
            compose -f FOLDER/compose.yaml create --pull never
            compose -f FOLDER/compose.yaml up -d --pull never
            compose -f FOLDER/compose.yaml ps --services
            compose -f FOLDER/compose.yaml exec -T web echo hello
            compose -f FOLDER/compose.yaml exec -T web sh -c 'exit 4'
            compose -f FOLDER/compose.yaml run --rm -T web echo once
            compose -f FOLDER/compose.yaml logs --no-color web
            compose -f FOLDER/compose.yaml stop -t 0
            compose -f FOLDER/compose.yaml start
            compose -f FOLDER/compose.yaml kill
            compose -f FOLDER/compose.yaml rm -f
            compose -f FOLDER/compose.yaml down -t 0
            compose -f FOLDER/compose.yaml down -v
            compose -f FOLDER/compose.yaml up -d --pull never nosuch
            compose -f FOLDER/broken.yaml up -d
            compose ls -q
        ",
    },
    Scenario {
        name: "backup",
        environment: "ci",
        commands: "
            volume create bk
            run --rm -v bk:/data base sh -c 'echo kept > /data/file'
            run --rm -v bk:/data:ro base tar -C /data -cf - .
            run --rm -v bk:/data:ro base cat /data/file
            < some | run --rm -i -v bk:/data base sh -c 'cat > /data/in; cat /data/in'
            run --rm -v bk:/data:ro base sh -c 'echo x > /data/file'
            create --name bk-c -v bk:/data base
            cp bk-c:/data/file -
            cp bk-c:/data/file out.txt
            cp bk-c:/nosuch out.txt
            export bk-c -o bk.tar
            rm bk-c
            volume rm bk
            volume rm bk
            ps -aq
        ",
    },
    Scenario {
        name: "build and push",
        environment: "ci",
        commands: "
            buildx version
            pull nosuch.invalid/x:1
            push nosuch.invalid/x:1
            tag base localhost:1/built:1
            push localhost:1/built:1
            inspect -f {{.Os}} localhost:1/built:1
            rmi localhost:1/built:1
            rmi localhost:1/built:1
            image ls -q localhost:1/built
            build -q -f FOLDER/nosuch FOLDER
            build -q FOLDER/nosuch
            image import FOLDER/file imported:1
            image inspect imported:1 --format {{.Os}}
            rmi imported:1
            search --limit 1
            login -u a -p b nosuch.invalid
            logout nosuch.invalid
        ",
    },
    Scenario {
        name: "swarm",
        environment: "ci",
        commands: "
            node ls
            service ls
            stack ls
            stack ps nosuch
            swarm join-token worker
            swarm unlock-key
            secret ls
            config ls
            service create base
            service scale a=1
            service update a
            service rollback a
            service logs a
            node update --availability drain a
            node promote a
            stack deploy -c FOLDER/compose.yaml s
            stack rm s
            swarm ca
            swarm update --autolock=false
        ",
    },
    Scenario {
        name: "wrong words and names",
        environment: "dev",
        commands: "
            nosuch
            nosuch --help
            volume nosuch
            volume nosuch x
            container nosuch -f
            image nosuch
            system nosuch
            --nosuch ps
            -Z ps
            rm
            rm --nosuch x
            rm -z x
            volume rm
            volume rm --nosuch x
            volume rm -f
            volume prune --nosuch
            volume prune extra
            system prune --nosuch
            system prune extra
            rmi
            rmi --nosuch x
            network rm
            network prune --filter
            run
            run --nosuch x
            run -p nosuch x
            run -m nosuch --privileged x
            run -v a:b:c:d x
            run --mount type=nosuch x
            run --env-file nosuch x
            run --name '' nosuch.invalid/X
            run NoSuch
            create --nosuch x
            exec
            exec nosuch
            exec --nosuch x sh
            exec --privileged nosuch sh
            stop
            stop nosuch other
            kill nosuch
            kill -s NOSUCH nosuch
            restart nosuch
            pause nosuch
            rename nosuch other
            update -m 10m nosuch
            start nosuch
            wait
            cp nosuch:/x .
            commit nosuch x
            tag nosuch x
            push
            save nosuch -o x.tar
            network disconnect nosuch web
            network rm nosuch other
            volume rm nosuch other
            rm -f nosuch other
            rm -fv nosuch
            rmi -f nosuch
            swarm nosuch
            swarm leave extra
            stack rm
            service rm
            secret rm
            plugin rm
            plugin disable nosuch
            compose nosuch
            compose up --nosuch
            compose --nosuch up
            compose -f FOLDER/compose.yaml up nosuch
            compose -f FOLDER/compose.yaml rm -f nosuch
            compose -f FOLDER/compose.yaml down -v nosuch
            builder nosuch
            buildx nosuch
            context rm
            context rm nosuch
        ",
    },
    Scenario {
        name: "no compose file",
        environment: "dev",
        commands: "
            @empty compose up
            @empty compose up -d
            @empty compose down
            @empty compose down -v
            @empty compose down -v --rmi all --remove-orphans
            @empty compose rm -f
            @empty compose rm -fsv
            @empty compose run --rm web sh
            @empty compose run --privileged web
            @empty compose build
            @empty compose create
            @empty compose kill
            @empty compose stop
            @empty compose start
            @empty compose restart
            @empty compose pause
            @empty compose exec web sh
            @empty compose exec --privileged web sh
            @empty compose pull
            @empty compose push
            @empty compose cp web:/x .
            @empty compose config
            @empty compose ps
            @empty compose logs
            @empty compose images
            @empty compose top
            @empty compose port web 80
            @empty compose events
            @empty compose attach web
            @empty compose wait web
            @empty compose scale web=0
            @empty compose watch
            @empty compose -f nosuch.yaml up
            @empty compose -f nosuch.yaml down -v
            @empty compose -f FOLDER/compose.yaml -f nosuch.yaml down -v
            @empty compose -p nosuch -f nosuch.yaml rm -fsv
            @empty compose --env-file nosuch up
            @empty compose -p nosuch up
        ",
    },
    Scenario {
        name: "contexts, completion and inspection",
        environment: "ci",
        commands: "
            context show
            context ls -q
            context create one --docker host=unix:///nonexistent/one.sock
            context inspect one --format {{.Name}}
            context update one --description x
            context create one --docker host=unix:///nonexistent/one.sock
            --context one ps
            --context nosuch ps
            context export one -
            context use nosuch
            context rm one
            context rm one
            __complete run --privil
            __complete context rm ''
            __completeNoDesc ps -
            help run
            --help
            --version
            -v
            version --format {{.Client.Os}}
            events --since 1 --until 2
            system events --since 1 --until 2
            inspect nosuch
            diff nosuch
            port nosuch
            top nosuch
            logs nosuch
            attach nosuch
            history nosuch
            -H tcp://127.0.0.1:1 ps
            -H nonsense://x ps
            --log-level nonsense ps
        ",
    },
];
