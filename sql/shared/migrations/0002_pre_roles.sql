create table shared.granted_role (
  role_name text collate "C" primary key,
  purpose text collate "C" not null check (purpose in ('reader', 'operator', 'service'))
);

comment on table shared.granted_role is
  'The roles that `configure` was told of, and what for. It gives them their rights anew whenever something changes.';
