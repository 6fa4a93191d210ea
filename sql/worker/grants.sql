-- Applied after the functions: nobody but the owner may use this schema until an operator grants it.
revoke all on schema worker, outbox, pgmq from public;
