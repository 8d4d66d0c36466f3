-- The two databases of a data holder, each with an owner that is no superuser and can make neither roles nor databases.
--   psql -v ON_ERROR_STOP=1 -f roles.sql                    as the cluster's administrator, safe to run twice
-- Passwords are not set here: with the services on the same machine pg_hba.conf trusts the operating system's user (peer);
-- elsewhere set them with \password, which sends only the scram verifier.
SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', name)
FROM unnest(ARRAY['prefect', 'schakel']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

SELECT format('CREATE DATABASE %I OWNER %I ENCODING ''UTF8'' TEMPLATE template0', name, name)
FROM unnest(ARRAY['prefect', 'schakel']) AS name
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

-- Nobody else may even connect: Prefect's database holds the names of runs, Schakel's what the log and ledger hold.
REVOKE ALL ON DATABASE prefect, schakel FROM PUBLIC;
