//! The variables that official images set, where no engine knows the image.

use super::fix::official;

/// Whether an image sets a variable besides `PATH`; None where that is not known.
pub fn sets(image: &str, variable: &str) -> Option<bool> {
    let name = official(image)?;
    let (_, variables) = KNOWN.iter().find(|(names, _)| names.contains(&name))?;
    Some(variables.split_whitespace().any(|other| other == variable))
}

/// Images, and their variables with blanks between, of all versions: what one of them sets is no mistake.
///
/// Read in the Dockerfiles of docker-library (golang, httpd, openjdk, php, python, ruby, postgres, redis, mysql, mongo, memcached, haproxy, cassandra,
/// docker), nodejs/docker-node, nginx/docker-nginx, adoptium/containers, corretto/corretto-docker, rust-lang/docker-rust, MariaDB/mariadb-docker and
/// valkey-io/valkey-container; what older versions set was kept. Systems set none, but fedora, whose list is not from there.
const KNOWN: &[(&[&str], &str)] = &[
    (
        &[
            "almalinux",
            "alpine",
            "amazonlinux",
            "buildpack-deps",
            "busybox",
            "centos",
            "debian",
            "rockylinux",
            "ubuntu",
        ],
        "",
    ),
    (&["fedora"], "DISTTAG FGC FBR container"),
    (&["golang"], "GOLANG_COMMIT GOLANG_VERSION GOPATH GOTOOLCHAIN"),
    (&["httpd"], "HTTPD_PATCHES HTTPD_PREFIX HTTPD_SHA256 HTTPD_VERSION"),
    (&["eclipse-temurin"], "JAVA_HOME JAVA_VERSION LANG LANGUAGE LC_ALL"),
    (&["openjdk"], "JAVA_HOME JAVA_URL JAVA_VERSION LANG"),
    (&["amazoncorretto"], "JAVA_HOME LANG"),
    (&["nginx"], "ACME_VERSION DYNPKG_RELEASE NGINX_VERSION NJS_RELEASE NJS_VERSION OTEL_VERSION PKG_RELEASE"),
    (&["node"], "NODE_VERSION YARN_VERSION"),
    (
        &["php"],
        "APACHE_CONFDIR APACHE_ENVVARS GPG_KEYS PHPIZE_DEPS PHP_ASC_URL PHP_CFLAGS PHP_CPPFLAGS PHP_EXTRA_BUILD_DEPS PHP_EXTRA_CONFIGURE_ARGS PHP_INI_DIR PHP_LDFLAGS PHP_MD5 PHP_SHA256 PHP_URL PHP_VERSION",
    ),
    (
        &["python"],
        "GPG_KEY LANG PYTHON_GET_PIP_SHA256 PYTHON_GET_PIP_URL PYTHON_PIP_VERSION PYTHON_SETUPTOOLS_VERSION PYTHON_SHA256 PYTHON_VERSION",
    ),
    (
        &["ruby"],
        "BUNDLER_VERSION BUNDLE_APP_CONFIG BUNDLE_BIN BUNDLE_PATH BUNDLE_SILENCE_ROOT_WARNING GEM_HOME LANG RUBYGEMS_VERSION RUBY_DOWNLOAD_SHA256 RUBY_DOWNLOAD_URL RUBY_MAJOR RUBY_VERSION",
    ),
    (&["rust"], "CARGO_HOME RUSTUP_HOME RUST_VERSION"),
    (&["postgres"], "DOCKER_PG_LLVM_DEPS GOSU_VERSION LANG PGDATA PG_MAJOR PG_SHA256 PG_VERSION"),
    (&["redis"], "GOSU_VERSION REDIS_DOWNLOAD_SHA REDIS_DOWNLOAD_URL REDIS_VERSION"),
    (&["valkey"], "VALKEY_DOWNLOAD_SHA VALKEY_DOWNLOAD_URL VALKEY_VERSION"),
    (&["mysql"], "GOSU_VERSION MYSQL_MAJOR MYSQL_SHELL_VERSION MYSQL_VERSION"),
    (&["mariadb"], "GOSU_VERSION LANG MARIADB_MAJOR MARIADB_VERSION"),
    (
        &["mongo"],
        "GLIBC_TUNABLES GOSU_VERSION HOME JSYAML_CHECKSUM JSYAML_VERSION MONGO_MAJOR MONGO_PACKAGE MONGO_REPO MONGO_VERSION",
    ),
    (&["memcached"], "MEMCACHED_SHA1 MEMCACHED_URL MEMCACHED_VERSION"),
    (&["haproxy"], "HAPROXY_SHA256 HAPROXY_URL HAPROXY_VERSION"),
    (
        &["cassandra"],
        "CASSANDRA_CONF CASSANDRA_HOME CASSANDRA_SHA512 CASSANDRA_VERSION GOSU_VERSION GPG_KEYS JAVA_HOME",
    ),
    (&["docker"], "DIND_COMMIT DOCKER_BUILDX_VERSION DOCKER_COMPOSE_VERSION DOCKER_TLS_CERTDIR DOCKER_VERSION"),
];
