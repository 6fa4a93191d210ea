-- Who works with the databases of docker-compose.yml, beside their owners. `configure` says what each may do.
create role service login password 'service';
create role operator login password 'operator';
create role reader login password 'reader';
