//! Secrets in files: spellings with how much each weighs, and near misses. Each file is otherwise clean.

use crate::support::lint::{fender, out, write};
use crate::support::place::{Place, script};
use serde_json::Value;

/// How grave the findings about secrets of one file are, each level once, the gravest first.
fn levels(name: &str, text: &str) -> Vec<String> {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), &[(name, text)]);
    let output = fender(place.path(), &["lint", "--format", "json", name], &[]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
    let findings = report["findings"].as_array().unwrap();
    let of_secrets = findings.iter().filter(|it| it["rule"].as_str().unwrap().starts_with("secret-in-"));
    let mut levels: Vec<String> = of_secrets.map(|it| it["level"].as_str().unwrap().to_owned()).collect();
    levels.sort();
    levels.dedup();
    levels
}

/// Lines of a Dockerfile.
fn in_dockerfile(line: &str) -> Vec<String> {
    levels("Dockerfile", &format!("FROM alpine:3.22\n{}\nUSER 10001\n", filled(line)))
}

/// Lines of a service, each with its own indentation.
fn in_compose(lines: &str) -> Vec<String> {
    levels("compose.yaml", &format!("services:\n  a:\n    image: a:1\n{}\n", filled(lines)))
}

/// The text with tokens in it, which stand in no file as they are.
fn filled(text: &str) -> String {
    let key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzz00112233";
    text.replace("GHP", &format!("ghp_{}", "0aB1".repeat(9)))
        .replace("GLPAT", &format!("glpat-{}", "0aB1c".repeat(4)))
        .replace("AWSKEY", key)
        .replace("PEM", &format!("-----BEGIN RSA {} KEY-----", "PRIVATE"))
}

fn hold(of: fn(&str) -> Vec<String>, expected: &[&str], texts: &[&str]) {
    let wrong: Vec<String> = texts
        .iter()
        .map(|text| (text, of(text)))
        .filter(|(_, levels)| levels != expected)
        .map(|(text, levels)| format!("{text:?} is {levels:?}"))
        .collect();
    assert!(wrong.is_empty(), "not {expected:?}:\n{}", wrong.join("\n"));
}

#[test]
fn certain_secrets_of_a_dockerfile_are_errors() {
    hold(
        in_dockerfile,
        &["error"],
        &[
            "ENV DATABASE_URL=postgres://app:hunter2@db/x",
            "ENV DATABASE_URL postgres://app:hunter2@db/x",
            "ENV A=1 REDIS_URL=\"redis://:hunter2@cache:6379/0\"",
            "ENV CONNECTION=\"Server=db;User Id=sa;Password=hunter2;\"",
            "ENV DSN=root:hunter2@tcp(db:3306)/x",
            "ENV AWS_SECRET_ACCESS_KEY=AWSKEY",
            "ENV AWS_ACCESS_KEY_ID=AKIAIOSFODNN7ABCDEFG",
            "ENV TOKEN=GHP",
            "ENV ANYTHING=GLPAT",
            "ENV KEY=\"PEM\\nMIIEpAIBAAKCAQEA\"",
            "ENV HOOK=https://hooks.slack.com/services/T0000AAAA/B0000BBBB/abcdefghijklmnop",
            "ARG GH_PAT=GHP",
            "ARG DATABASE_URL=mysql://root:hunter2@db/x",
            "ARG AWS_SECRET_ACCESS_KEY=AWSKEY",
            "RUN git clone https://bob:GHP@github.com/x/y",
            "RUN git clone https://bob:hunter2@example.com/x/y && make",
            "RUN git clone https://GHP@github.com/x/y",
            "RUN curl -u admin:secret https://example.com/x",
            "RUN curl -fsSLu admin:secret -o /x https://example.com/x",
            "RUN curl -H \"Authorization: token GHP\" https://example.com",
            "RUN curl --header 'Authorization: Bearer abcdef012345' https://example.com",
            "RUN wget --user=a --password=hunter2 https://example.com/x",
            "RUN echo root:x | chpasswd",
            "RUN echo 'root:hunter2' | chpasswd",
            "RUN useradd app && \\\n    echo \"app:hunter2\" | chpasswd",
            "RUN echo -e \"hunter2\\nhunter2\" | passwd root",
            "RUN mysql -uroot -phunter2 -e 'select 1'",
            "RUN service mysql start && mysqladmin -u root password hunter2",
            "RUN sshpass -p hunter2 scp a@b:/x /y",
            "RUN docker login -u bob -p hunter2 example.com",
            "RUN export TOKEN=GHP && make",
            "RUN pip install --extra-index-url https://ci:hunter2@pypi.example.com/simple x",
            "RUN npm config set //registry.npmjs.org/:_authToken=abcdef012345",
            "RUN [\"curl\", \"-u\", \"admin:secret\", \"https://example.com\"]",
            "RUN <<EOF\nset -e\ncurl -u admin:secret https://example.com\nEOF",
            "RUN cat <<EOF > /root/.netrc\nmachine example.com login bob password hunter2\nEOF",
            "COPY <<EOF /root/.npmrc\n//registry.npmjs.org/:_authToken=abcdef012345\nEOF",
            "COPY <<EOF /key.pem\nPEM\nMIIEpAIBAAKCAQEA\nEOF",
            "CMD [\"redis-server\", \"--requirepass\", \"hunter2\"]",
            "RUN openssl enc -d -pass pass:hunter2 -in x",
            "RUN useradd -p $(openssl passwd -1 hunter2) app",
            "RUN redis-cli -a hunter2 ping",
            "RUN bash -c 'echo root:hunter2 | chpasswd'",
            "RUN htpasswd -bc /etc/x admin hunter2",
            "HEALTHCHECK CMD curl -fu admin:secret http://localhost/health",
            "HEALTHCHECK --interval=5s CMD [\"redis-cli\", \"-a\", \"hunter2\", \"ping\"]",
            "HEALTHCHECK CMD mysqladmin ping -uroot -phunter2",
            "HEALTHCHECK CMD wget -q https://bob:hunter2@localhost/x",
            "LABEL deploy.token=GHP",
            "LABEL a=b source=\"https://bob:hunter2@example.com/x\"",
            "LABEL key GLPAT",
        ],
    );
}

#[test]
fn names_with_a_value_are_warnings() {
    hold(
        in_dockerfile,
        &["warning"],
        &[
            "ENV SMTP_PASS=hunter2",
            "ENV JWT=abc",
            "ENV PASS=secret",
            "ENV DB_PASSWORD hunter2",
            "ENV A=b API_TOKEN=abcdef0123 C=d",
            "ENV GITHUB_PAT=abc123",
            "ENV SA_PWD='P4ss word'",
            "ENV dbPassword=hunter2",
            "ENV SECRET_KEY_BASE=abcdef0123456789",
            "ARG GH_PAT=abc123",
            "ARG API_KEY=abc123",
            "ARG NPM_TOKEN=abc",
            "ENV AMQP=amqp://guest:guest@mq",
            "RUN export TOKEN=abc && make",
            "RUN PGPASSWORD=hunter2 psql -c x",
            "RUN echo 'SMTP_PASS=hunter2' >> /etc/environment",
            "RUN serve --token abcdef",
            "RUN keytool -storepass hunter2 -list",
            "RUN psql -c \"ALTER USER a PASSWORD 'hunter2'\"",
            "RUN <<EOF\nexport DB_PASSWORD=hunter2\nmake\nEOF",
            "COPY <<EOF /app/.env\nDB_PASSWORD=hunter2\nEOF",
            "COPY <<EOF /app.yml\npassword: hunter2\nEOF",
            "LABEL com.example.api-token=abc123",
            "LABEL admin_password=\"hunter2\"",
            "HEALTHCHECK CMD serve --check --token abcdef",
        ],
    );
    hold(
        in_dockerfile,
        &["note"],
        &[
            "ENV TOKEN=$TOKEN",
            "ENV DB_PASSWORD=${DB_PASSWORD}",
            "ARG GH_PAT",
            "ARG NPM_TOKEN\nRUN npm ci",
            "ARG AUTH_TOKEN=\"\"",
            "ARG T\nENV TOKEN=${T:-}",
            "ENV AUTH=x",
        ],
    );
}

#[test]
fn what_is_no_secret_is_quiet() {
    hold(
        in_dockerfile,
        &[],
        &[
            "ENV API_KEY_RATE_LIMIT=5",
            "ENV NGINX_GPG_KEY=0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D",
            "ARG GPG_KEY=0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D",
            "ENV DOCKER_AUTH_VERSION=1.2",
            "ARG DOCKER_AUTH_VERSION",
            "ENV GCLOUD_GKE_AUTH_PLUGIN=true",
            "ENV USE_GKE_GCLOUD_AUTH_PLUGIN=True",
            "ENV KEYSTORE_PASSWORD=changeit",
            "ENV DB_PASSWORD=changeme",
            "ENV API_TOKEN=your-token-here",
            "ENV API_TOKEN=<token>",
            "ENV AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
            "ENV DB_PASSWORD_FILE=/run/secrets/db",
            "ENV DB_PASSWORD=/run/secrets/db",
            "ENV SSL_KEY_PATH=/etc/ssl/x.key",
            "ENV TOKEN_TTL=3600",
            "ENV PASSWORD_MIN_LENGTH=12",
            "ENV JWT_ALGORITHM=HS256",
            "ENV ACCESS_TOKEN_EXPIRE_MINUTES=30",
            "ENV TOKEN_URL=https://example.com/token",
            "ENV SSH_PUBLIC_KEY=\"ssh-rsa AAAAB3NzaC1yc2E\"",
            "ENV MYSQL_ALLOW_EMPTY_PASSWORD=yes",
            "ENV DATABASE_URL=postgres://app@db/x",
            "ENV DATABASE_URL=postgres://db:5432/x",
            "ENV DATABASE_URL=postgres://app:${DB_PASSWORD}@db/x",
            "ENV PASSWORD=",
            "ENV DISABLE_AUTH=true",
            "ENV MAX_TOKENS=4096 TOKENIZERS_PARALLELISM=false",
            "ENV GIT_ASKPASS=/bin/echo",
            "ENV KEYBOARD=us PATTERN=x COMPASS=n",
            "# ENV TOKEN=hunter2",
            "# PEM",
            "COPY <<EOF /etc/x.conf\n# PEM\n# MIIE\nEOF",
            "RUN --mount=type=secret,id=token cat /run/secrets/token | docker login --password-stdin -u a",
            "RUN --mount=type=secret,id=t TOKEN=$(cat /run/secrets/t) make",
            "RUN git clone https://x-access-token:${TOKEN}@github.com/x/y",
            "RUN git clone https://bob@example.com/x/y",
            "RUN git clone git@github.com:x/y.git",
            "RUN curl -u $USER:$PASS https://example.com",
            "RUN curl -u \"admin:${PASS}\" https://example.com",
            "RUN curl https://example.com:8443/x@y",
            "RUN echo \"root:$ROOT_PW\" | chpasswd",
            "RUN adduser --disabled-password --gecos '' app",
            "RUN adduser -D -H app && passwd -d root",
            "RUN gpg --batch --keyserver hkps://keys.openpgp.org --recv-keys 0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D",
            "RUN mysql -p -e x",
            "RUN keytool -storepass changeit -list",
            "RUN grep -v password /etc/x",
            "RUN npm install jsonwebtoken && pip install passlib",
            "RUN sed -i 's/^password=.*/password=$PW/' /x",
            "RUN echo 'Enter your password: '",
            "RUN apt-get install -y libpam-pwquality password-store",
            "RUN chown app:app /x && install -o app -m 600 /dev/null /x",
            "LABEL token=none",
            "LABEL org.opencontainers.image.source=https://example.com/x",
            "LABEL maintainer=\"a@example.com\" com.example.token-ttl=5",
            "LABEL traefik.auth.users=\"\"",
            "HEALTHCHECK CMD curl -fu $USER:$PASS http://localhost/health",
            "HEALTHCHECK CMD mysqladmin ping -uroot -p$MYSQL_ROOT_PASSWORD",
            "HEALTHCHECK CMD [\"pg_isready\", \"-U\", \"app\"]",
            "HEALTHCHECK NONE",
            "CMD [\"serve\", \"--token-file\", \"/run/secrets/t\"]",
            "CMD [\"redis-server\", \"--requirepass\", \"$PASS\"]",
        ],
    );
}

#[test]
fn secrets_of_compose_files() {
    hold(
        in_compose,
        &["error"],
        &[
            "    environment:\n      DATABASE_URL: postgres://app:hunter2@db/x",
            "    environment:\n      - DATABASE_URL=postgres://app:hunter2@db/x",
            "    environment: {TOKEN: GHP}",
            "    environment:\n      AWS_SECRET_ACCESS_KEY: AWSKEY",
            "    environment:\n      AWS_SECRET_ACCESS_KEY: \"AWSKEY\"",
            "    environment:\n      URL: ${URL:-postgres://app:hunter2@db/x}",
            "    command: --requirepass hunter2",
            "    command: [\"redis-server\", \"--requirepass\", \"hunter2\"]",
            "    command: sh -c \"curl -u admin:secret http://x\"",
            "    build:\n      context: .\n      args:\n        TOKEN: GHP",
        ],
    );
    hold(
        in_compose,
        &["warning"],
        &[
            "    environment:\n      PASS: hunter2",
            "    environment:\n      - SMTP_PASS=hunter2",
            "    environment:\n      POSTGRES_PASSWORD: \"hunter2\"",
            "    environment: [\"JWT_SECRET=abc\"]",
            "    environment:\n      MINIO_ROOT_PASSWORD: 12345678",
            "    environment:\n      PASS: secret",
            "    environment:\n      JWT_SECRET: secret",
            "    environment:\n      POSTGRES_USER: gitea\n      POSTGRES_PASSWORD: s3cr3t",
            "    command: serve --password hunter2",
            "    build:\n      context: .\n      args:\n        NPM_TOKEN: abc",
            "    build:\n      context: .\n      args: [\"NPM_TOKEN=abc\"]",
        ],
    );
    hold(
        in_compose,
        &["note"],
        &[
            "    environment:\n      PASS: ${PASS}",
            "    environment:\n      - DB_PASSWORD=$DB_PASSWORD",
            "    environment:\n      - DB_PASSWORD=${DB_PASSWORD:?set it}",
            "    environment:\n      POSTGRES_PASSWORD: \"${POSTGRES_PASSWORD:-postgres}\"",
            "    environment:\n      - POSTGRES_PASSWORD",
            "    environment:\n      POSTGRES_PASSWORD:",
            "    environment:\n      POSTGRES_PASSWORD: postgres",
            "    environment: [\"MYSQL_ROOT_PASSWORD=root\"]",
            "    environment:\n      - POSTGRES_USER=gitea\n      - POSTGRES_PASSWORD=gitea",
            "    environment:\n      MYSQL_DATABASE: shop\n      MYSQL_PASSWORD: shop",
            "    environment:\n      WORDPRESS_DB_PASSWORD: wordpress",
            "    environment:\n      RABBITMQ_DEFAULT_PASS: guest",
            "    build:\n      context: .\n      args:\n        NPM_TOKEN: ${NPM_TOKEN}",
        ],
    );
    hold(
        in_compose,
        &[],
        &[
            "    environment:\n      POSTGRES_PASSWORD_FILE: /run/secrets/pg",
            "    environment:\n      API_KEY_RATE_LIMIT: 5",
            "    environment:\n      DB_PASSWORD: changeme",
            "    environment:\n      KEYSTORE_PASSWORD: changeit",
            "    environment:\n      DATABASE_URL: postgres://app:${DB_PASSWORD}@db/x",
            "    environment:\n      DATABASE_URL: postgres://db/x",
            "    environment:\n      MYSQL_RANDOM_ROOT_PASSWORD: \"yes\"",
            "    environment:\n      PASSWORD: \"\"",
            "    environment:\n      TOKEN_TTL: 5m",
            "    environment:\n      KSQL_BASIC_AUTH_CREDENTIALS_SOURCE: USER_INFO",
            "    command: --requirepass ${REDIS_PASSWORD}",
            "    command: [\"redis-server\", \"--requirepass\", \"${REDIS_PASSWORD}\"]",
            "    command: serve --token-file /run/secrets/t",
        ],
    );
}

/// The files that `env_file` names: only what is certain, and only where git would take the file.
#[test]
fn files_with_variables_are_read_for_what_is_certain() {
    let compose = "services:\n  a:\n    image: a:1\n    env_file: [app.env, ./conf/b.env]\n  b:\n    image: a:1\n    env_file:\n      - path: app.env\n        required: false\n";
    let secrets = |files: &[(&str, &str)]| {
        let place = tempfile::tempdir().unwrap();
        write(place.path(), &[("compose.yaml", compose), ("conf/b.env", "A=b\n"), ("app.env", "A=b\n")]);
        let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (*name, filled(text))).collect();
        write(place.path(), &files.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>());
        let output = fender(place.path(), &["lint", "--format", "json"], &[]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
        assert!(!out(&output).contains("0aB1") && !out(&output).contains("hunter2"), "{}", out(&output));
        let findings = report["findings"].as_array().unwrap().clone();
        let of_secrets = findings.iter().filter(|it| it["rule"] == "secret-in-env");
        let text =
            |it: &Value| format!("{} {}:{}", it["level"].as_str().unwrap(), it["path"].as_str().unwrap(), it["line"]);
        of_secrets.map(text).collect::<Vec<_>>()
    };
    // Two services name one file.
    assert_eq!(secrets(&[("app.env", "A=b\nTOKEN=GHP\n")]), ["error app.env:2"]);
    assert_eq!(secrets(&[("conf/b.env", "# x\nexport DB=\"postgres://app:hunter2@db/x\"\n")]), ["error conf/b.env:2"]);
    for text in
        ["TOKEN=abc\n", "DB_PASSWORD=hunter2\n", "# TOKEN=GHP\n", "TOKEN=$TOKEN\n", "URL=https://example.com\n", ""]
    {
        assert_eq!(secrets(&[("app.env", text)]), [""; 0], "{text}");
    }
    for ignored in ["app.env", "*.env", "/app.env", ".env\n*.env\n", "**/app.env"] {
        assert_eq!(secrets(&[("app.env", "TOKEN=GHP\n"), (".gitignore", ignored)]), [""; 0], "{ignored}");
    }
    assert_eq!(secrets(&[("app.env", "TOKEN=GHP\n"), (".gitignore", "*.env\n!app.env\n")]), ["error app.env:1"]);
    assert_eq!(secrets(&[("conf/b.env", "TOKEN=GHP\n"), (".gitignore", "conf\n")]), [""; 0]);
}

/// A buildx that does nothing, where docker looks for plugins.
fn with_buildx(place: &Place) {
    let plugins = place.path("home/.docker/cli-plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    script(&plugins.join("docker-buildx"), "#!/bin/sh\n");
}

/// An argument on the command line weighs as its default in a Dockerfile does; docker keeps those about proxies out of the image.
#[test]
fn build_arguments_of_the_command_line() {
    let place = Place::new();
    let folder = place.path("home/work");
    with_buildx(&place);
    write(&folder, &[("Dockerfile", "FROM alpine:3.22\nUSER 5\n")]);
    for buildkit in ["0", "1"] {
        for (argument, reaches) in [
            ("TOKEN=GHP", false),
            ("ANYTHING=GLPAT", false),
            ("DATABASE_URL=postgres://app:hunter2@db/x", false),
            ("AWS_SECRET_ACCESS_KEY=AWSKEY", false),
            ("TOKEN=abc", true),
            ("TOKEN", true),
            ("TOKEN=", true),
            ("VERSION=1.2", true),
            ("HTTPS_PROXY=http://bob:hunter2@proxy:3128", true),
            ("URL=https://example.com/x", true),
        ] {
            let _ = std::fs::remove_file(place.path("out/words"));
            let argument = filled(argument);
            let mut command = place.docker();
            command.env("DOCKER_BUILDKIT", buildkit).current_dir(&folder);
            let output = command.args(["build", "--build-arg", &argument, "."]).output().unwrap();
            assert_eq!(place.reached().is_some(), reaches, "{buildkit} {argument}: {}", out(&output));
        }
    }
}

/// A certain secret stops a build in development; one that only its name tells does not.
#[test]
fn a_certain_secret_stops_a_build() {
    let place = Place::new();
    let folder = place.path("home/work");
    with_buildx(&place);
    for (line, reaches) in [
        ("RUN curl -u admin:secret https://example.com/x", false),
        ("RUN curl -n https://example.com/x", true),
        ("ENV TOKEN=GHP", false),
        ("ENV TOKEN=abc", true),
        ("ARG TOKEN=GHP", false),
        ("ARG TOKEN", true),
        ("ENV DATABASE_URL=postgres://app:hunter2@db/x", false),
        ("ENV DATABASE_URL=postgres://app:$PW@db/x", true),
        ("COPY <<EOF /x\nPEM\nMIIEpAIB\nEOF", false),
        ("COPY <<EOF /x\n# PEM\n# MIIEpAIB\nEOF", true),
        // What a comment in the file allows is the file's own word.
        ("# fender: allow secret-in-env because of nothing\nENV TOKEN=GHP", false),
    ] {
        let _ = std::fs::remove_file(place.path("out/words"));
        write(&folder, &[("Dockerfile", &format!("FROM alpine:3.22\n{}\nUSER 5\n", filled(line)))]);
        let output = place.docker().current_dir(&folder).args(["build", "."]).output().unwrap();
        assert_eq!(place.reached().is_some(), reaches, "{line}: {}", out(&output));
        assert!(!out(&output).contains("hunter2") && !out(&output).contains("0aB1"), "{}", out(&output));
    }
}
