# A database in memory and one on the disk.
i386 usr/bin/sqlite3 disk.db <<X
create table t(id integer primary key, name text, value real);
begin;
with recursive c(x) as (select 1 union all select x + 1 from c where x < $(amount 10000 300000))
insert into t select x, printf('name-%05d', x * 7919 % 100003), sqrt(x) * sin(x) from c;
commit;
create index by_name on t(name);
select count(*), sum(id), round(sum(value), 9), min(name), max(name) from t;
select name, value from t where name between 'name-01000' and 'name-01099' order by name;
select id % 10 as d, avg(value), total(id), group_concat(substr(name, -2), '') from t where id < 500 group by d order by d;
select a.id, b.id from t a join t b on a.id = b.id * b.id where a.id < 5000;
update t set value = value * 2 where id % 3 = 0;
delete from t where name like '%7';
vacuum;
pragma integrity_check;
select count(*), round(sum(value), 9) from t;
select hex(zeroblob(4)), typeof(1.0), 9223372036854775807 + 1, 1e308 * 10, 7 / 2, -7 % 3, 'a' || 'b';
select json_extract('{"a":[1,2,{"b":3}]}', '\$.a[2].b'), json_group_array(id) from (select id from t limit 5);
with recursive fib(a, b) as (select 0, 1 union all select b, a + b from fib limit 60) select a from fib;
select upper(name), instr(name, '0'), replace(name, '0', 'o'), length(name) from t limit 20;
select date(1000000000, 'unixepoch'), strftime('%s', '2024-02-29'), julianday('2000-01-01');
explain query plan select * from t where name = 'x';
select * from nosuch;
.tables
X
i386 usr/bin/sqlite3 disk.db 'select count(*) from t' .dump | md5sum
