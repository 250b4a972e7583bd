# What people and agents do with git, a function each; NUMBER is one that no other call has. Whatever one does ends on the branch
# `coop/fix`, with nothing in progress. What a command answers is part of the result only where it is printed. `place` is a directory for
# what lies beside the repository.
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' GIT_EDITOR=true GIT_MERGE_AUTOEDIT=no
export FILTER_BRANCH_SQUELCH_WARNING=1 GIT_ADVICE=0 LC_ALL=C

# A tracked file with lines, the same one for the same number.
file() { git ls-files -s | sed -n 's/^100[67]..[^\t]*\t//p' | grep -E '\.(swift|md|sh|txt)$' | grep -v '[^A-Za-z0-9/._+-]' | awk -v n="$1" '{ all[NR] = $0 } END { print all[n % NR + 1] }'; }
edit() { f=$(file "$1"); printf 'line %s\n' "$1" >> "$f"; printf '%s\n' "$f"; }
commit() { edit "$1" > /dev/null; git commit -qam "change $1"; }
side() { git checkout -q -B "side$1" "${2:-HEAD}"; }
back() { git checkout -q -f coop/fix; }

# Where a session begins: only what the repository has is there.
begin() {
    mkdir -p "$place"
    git for-each-ref --format='%(refname)' refs/heads refs/tags/t refs/notes refs/stash refs/original refs/bisect refs/replace \
        | grep -vx -e refs/heads/coop/fix -e refs/heads/main | sed 's/^/delete /' | git update-ref --stdin
    git tag -l 't[0-9]*' | xargs -r git tag -d > /dev/null
}

op_commit() { for i in 1 2 3; do commit "$1$i"; done; }
op_empty() { git commit -q --allow-empty -m "empty $1"; git log -1 --format=%B; }
op_amend() { edit "$1" > /dev/null; git commit -q -a --amend -m "amended $1"; git commit -q --amend --no-edit --author='Other <o@example.org>'; }
op_fixup() { commit "$1"; commit "${1}1"; edit "$1" > /dev/null; git commit -q -a --fixup HEAD~1; git rebase -q -i --autosquash HEAD~3 || git rebase --abort; }
op_new() { mkdir -p "made/d$1/e"; printf '%s\n' "$1" > "made/d$1/e/f"; printf 'x\0y%s' "$1" > "made/d$1/binary"; ln -s f "made/d$1/e/link"; git add made; git commit -qm "new $1"; }
op_names() { mkdir -p odd; for n in "a b" "tab$(printf '\t')$1" "$(printf 'h\303\266h')$1" "$(printf 'new\nline')$1" "-dash$1" 'quo"te'; do printf '%s' "$1" > "odd/$n"; done; git add odd; git commit -qm "names $1"; git ls-files -z odd | sha1sum; }
op_move() { f=$(file "$1"); mkdir -p moved; git mv "$f" "moved/$1.txt"; git commit -qm "move $1"; git log --follow --oneline "moved/$1.txt" | wc -l; git revert --no-edit HEAD > /dev/null || git revert --abort; }
op_directory() { git mv docs docs2 && git commit -qm "directory $1"; git diff -M --summary HEAD~1 | wc -l; git mv docs2 docs && git commit -qm "back $1"; }
op_remove() { f=$(file "$1"); git rm -q "$f"; git commit -qm "remove $1"; git checkout -q HEAD~1 -- "$f"; git commit -qm "restore $1"; }
op_mode() { f=$(file "$1"); chmod +x "$f"; git commit -qam "mode $1"; git update-index --chmod=-x "$f"; git commit -qm "index $1"; git checkout -q -- "$f"; }
op_type() { f=$(file "$1"); rm "$f"; ln -s /nonexistent "$f"; git commit -qam "type $1"; git checkout -q HEAD~1 -- "$f"; git commit -qam "type back $1"; }
op_merge() { side "$1" HEAD~1; commit "$1"; back; git merge -q --no-ff -m "merge $1" "side$1" > /dev/null || git merge --abort; }
op_conflict() { f=$(file "$1"); side "$1" HEAD; sed -i "1s/.*/ours $1/" "$f"; git commit -qam "theirs $1"; back; sed -i "1s/.*/other $1/" "$f"; git commit -qam "ours $1"
    git merge -q "side$1" > /dev/null || { git ls-files -u | wc -l; git checkout -q --theirs "$f"; git add "$f"; git commit -qm "resolved $1"; }; }
op_strategies() { side "$1" HEAD~1; commit "$1"; back; commit "${1}1"; git merge -q -X ours -m "x $1" "side$1" > /dev/null; git merge -q -s ours -m "s $1" "side$1" > /dev/null; }
op_octopus() { for i in 1 2 3; do side "$1$i" HEAD~1; printf '%s' "$i" > "o$1$i"; git add "o$1$i"; git commit -qm "o $1$i"; done; back; git merge -q -m "octopus $1" "side${1}1" "side${1}2" "side${1}3" > /dev/null || git reset -q --hard; }
op_squash() { side "$1" HEAD; commit "$1"; commit "${1}2"; back; git merge -q --squash "side$1" > /dev/null; git commit -qm "squashed $1"; }
op_rebase() { side "$1" HEAD~2; commit "$1"; commit "${1}1"; git rebase -q coop/fix > /dev/null 2>&1 || git rebase --abort; git checkout -q coop/fix; git merge -q --ff-only "side$1" > /dev/null; }
op_onto() { git rebase -q --onto HEAD~2 HEAD~1 > /dev/null 2>&1 || git rebase --abort; }
op_interactive() { for i in 1 2 3 4; do printf '%s\n' "$i" > "i$1$i"; git add "i$1$i"; git commit -qm "i $1$i"; done
    GIT_SEQUENCE_EDITOR='sed -i -e 1s/pick/reword/ -e 2s/pick/squash/ -e 3s/pick/drop/' git rebase -q -i HEAD~4 > /dev/null 2>&1 || git rebase --abort
    GIT_SEQUENCE_EDITOR='sed -i -e 1s/pick/edit/' git rebase -q -i HEAD~2 > /dev/null 2>&1; printf e > "i$1"; git add "i$1"; git commit -q --amend --no-edit; git rebase --continue > /dev/null 2>&1 || git rebase --abort
    GIT_SEQUENCE_EDITOR='sed -i -e 1h\;1d\;2G' git rebase -q -i HEAD~2 > /dev/null 2>&1 || git rebase --abort; }
op_exec() { commit "$1"; git rebase -q -x 'git diff --quiet' HEAD~2 > /dev/null 2>&1 || git rebase --abort; }
op_stash() { edit "$1" > /dev/null; printf u > "untracked$1"; git stash push -q -u -m "wip $1"; git stash list | wc -l; git stash apply -q; git stash drop -q; git stash push -q -- "$(file "$1")"; git stash pop -q; git add -A; git commit -qm "stashed $1"; }
op_stash_branch() { edit "$1" > /dev/null; git stash -q; git stash branch "s$1" > /dev/null 2>&1; git commit -qam "from stash $1"; back; git merge -q "s$1" > /dev/null; }
op_stash_left() { edit "$1" > /dev/null; git stash push -q -m "left $1"; git stash clear; }
op_pick() { side "$1" HEAD~1; commit "$1"; commit "${1}1"; back; git cherry-pick "side$1~2..side$1" > /dev/null 2>&1 || git cherry-pick --abort; git cherry-pick -x -n "side$1" > /dev/null 2>&1; git reset -q --hard; }
op_revert() { commit "$1"; git revert --no-edit HEAD > /dev/null 2>&1 || git revert --abort; git revert -n HEAD > /dev/null 2>&1; git commit -qm "reverted $1"; }
op_tag() { git tag -a -m "tag $1" "t$1"; git tag -f "t$1-light" > /dev/null; git describe --tags; git tag -d "t$1-light" > /dev/null; }
op_notes() { git notes add -f -m "note $1"; git notes show; git notes --ref other append -m x; git notes remove > /dev/null 2>&1; }
op_bisect() { for i in 1 2 3 4 5; do printf '%s' "$i" > counter; git add counter; git commit -qm "count $1$i"; done
    git bisect start HEAD HEAD~4 > /dev/null; git bisect run sh -c 'test "$(cat counter)" -lt 4' > /dev/null 2>&1; git show -s --format=%s refs/bisect/bad; git bisect log | wc -l; git bisect reset > /dev/null 2>&1; }
op_worktree() { git worktree add -q -b "w$1" "$place/worktree$1" > /dev/null 2>&1; ( cd "$place/worktree$1" && printf w > "w$1" && git add "w$1" && git commit -qm "w $1" ); git worktree list | wc -l; git merge -q "w$1" > /dev/null; git worktree remove --force "$place/worktree$1"; git worktree prune; }
op_submodule() { rm -rf "$place/sub"; git init -q "$place/sub"; git -C "$place/sub" -c user.name=S -c user.email=s@example.org commit -q --allow-empty -m s
    git -c protocol.file.allow=always submodule --quiet add -f --name "n$1" "$place/sub" "sub$1" 2> /dev/null; git commit -qm "submodule $1"; git submodule status | sed 's/ (.*//'; git -c protocol.file.allow=always submodule --quiet update --init "sub$1"
    ( cd "sub$1" && printf s > s && git add s && git -c user.name=S -c user.email=s@example.org commit -qm s2 ); git commit -qam "submodule moved $1"; git diff --submodule=log HEAD~1 | wc -l
    git submodule --quiet deinit -f "sub$1"; if [ $(( $1 % 2 )) = 0 ]; then git rm -qf "sub$1"; git commit -qm "no submodule $1"; fi; rm -rf "$(git rev-parse --git-dir)/modules"; }
op_sparse() { git sparse-checkout set --no-cone '/docs/' '/Sources/Tasks/'; ls | wc -l; git ls-files -t | grep -c '^S'; printf sparse >> docs/testing.md; git commit -qam "sparse $1"; git sparse-checkout set --cone Sources/Review; ls Sources; git sparse-checkout add docs; git sparse-checkout list; git sparse-checkout disable; }
op_gc() { git gc -q; git repack -q -a -d; git prune-packed -q; git count-objects > /dev/null; git fsck --connectivity-only --no-dangling; }
op_maintenance() { git pack-refs --all; git commit-graph write --reachable 2> /dev/null; git multi-pack-index write 2> /dev/null; git maintenance run --quiet --task=incremental-repack --task=loose-objects; git reflog expire --expire=now --all; git prune; } > /dev/null
op_reset() { commit "$1"; commit "${1}1"; git reset -q --soft HEAD~1; git reset -q; git stash -q; git stash drop -q; git reset -q --hard HEAD~1; git reset -q --hard ORIG_HEAD; git reset -q --keep HEAD~1; }
op_restore() { f=$(edit "$1"); git add "$f"; git restore --staged "$f"; git restore "$f"; git checkout -q HEAD~1 -- "$f"; git restore --source=HEAD --staged --worktree "$f"; }
op_clean() { mkdir -p "junk$1/deep"; touch "junk$1/deep/x" "junk$1.o"; git clean -qn | wc -l; git clean -qfdx; }
op_am() { commit "$1"; commit "${1}1"; git format-patch -q -2 -o "$place/patches$1"; git reset -q --hard HEAD~2; git am -q --3way "$place/patches$1"/*.patch > /dev/null 2>&1 || git am --abort; rm -rf "$place/patches$1"; }
op_apply() { edit "$1" > /dev/null; git diff > "$place/p$1"; git checkout -q -- .; git apply --index "$place/p$1"; git commit -qm "applied $1"; git apply -R --index "$place/p$1"; git commit -qm "unapplied $1"; rm "$place/p$1"; }
op_filter() { commit "$1"; commit "${1}1"; git filter-branch -f --msg-filter 'sed s/change/filtered/' HEAD~2..HEAD > /dev/null 2>&1; git filter-branch -f --tree-filter "printf t > tree$1" HEAD~1..HEAD > /dev/null 2>&1; }
op_fast_import() { commit "$1"; git fast-export --refspec 'refs/heads/coop/fix:refs/heads/imported' HEAD~1..HEAD 2> /dev/null | git fast-import --quiet --force 2> /dev/null; git branch -D imported > /dev/null 2>&1; }
op_switch() { git switch -q -c "c$1"; commit "$1"; git branch -m "m$1"; git switch -q -; git merge -q --ff-only "m$1" > /dev/null; git switch -q --detach HEAD~1; git switch -q coop/fix; git branch -q -D "m$1"; }
op_orphan() { git checkout -q --orphan "orphan$1"; git rm -rqf .; printf o > o; git add o; git commit -qm "orphan $1"; back; git merge -q --allow-unrelated-histories -m "unrelated $1" "orphan$1" > /dev/null 2>&1 || git merge --abort; }
op_patch() { f=$(file "$1"); sed -i "1i first $1" "$f"; printf 'last %s\n' "$1" >> "$f"; printf 'y\nn\n' | git add -p > /dev/null 2>&1; git commit -qm "half $1"; git checkout -q -- "$f"; }
op_intent() { printf x > "intent$1"; git add -N "intent$1"; git status --porcelain | wc -l; git add "intent$1"; git commit -qm "intent $1"; }
op_assume() { f=$(file "$1"); git update-index --assume-unchanged "$f"; git update-index --no-assume-unchanged "$f"; git update-index --skip-worktree "$f"; git update-index --no-skip-worktree "$f"; git update-index --refresh -q; }
op_index() { git update-index --index-version 4; git update-index --split-index; commit "$1"; git update-index --no-split-index; git update-index --index-version 2; git update-index --untracked-cache 2> /dev/null; git status --porcelain; git update-index --no-untracked-cache; }
op_clone() { rm -rf "$place/clone$1"; git clone -q . "$place/clone$1"; ( cd "$place/clone$1" && git config user.name C && git config user.email c@example.org && printf c > "c$1" && git add "c$1" && git commit -qm "clone $1" ); git pull -q --no-rebase "$place/clone$1" coop/fix > /dev/null; rm -rf "$place/clone$1"; }
op_bundle() { commit "$1"; git bundle create -q "$place/b$1" HEAD~1..coop/fix; git reset -q --hard HEAD~1; git pull -q "$place/b$1" coop/fix > /dev/null; rm "$place/b$1"; }
op_plumbing() { blob=$(printf '%s' "$1" | git hash-object -w --stdin); git update-index --add --cacheinfo "100644,$blob,plumbed$1"; tree=$(git write-tree); new=$(git commit-tree "$tree" -p HEAD -m "plumbed $1"); git update-ref refs/heads/coop/fix "$new"; git checkout-index -q -a; git read-tree -m -u HEAD; }
op_rerere() { git config rerere.enabled true; op_conflict "$1"; git rerere status; git config --unset rerere.enabled; }
op_attributes() { printf '*.gen binary -diff\n*.crlf text eol=crlf\n*.u merge=union\n' > .gitattributes; printf 'a\r\nb\r\n' > "x$1.crlf"; printf 'g\0' > "g$1.gen"; git add .; git commit -qm "attributes $1"; git check-attr -a "x$1.crlf" | wc -l; }
op_look() { git log --format=%H -20 --graph | sha1sum; git shortlog -sn HEAD | wc -l; git blame -s -l "$(file "$1")" | sha1sum; git grep -c import -- '*.swift' | sha1sum; git diff --stat HEAD~5 | sha1sum; git range-diff HEAD~3..HEAD~1 HEAD~2..HEAD | wc -l; git cherry main | wc -l; git archive HEAD | sha1sum; git rev-list --objects --count HEAD; git merge-base main HEAD; git name-rev --refs=refs/heads/coop/fix HEAD~3; git verify-pack "$(git rev-parse --git-dir)"/objects/pack/*.idx 2> /dev/null | wc -l > /dev/null; git cat-file --batch-check --batch-all-objects | wc -l > /dev/null; }

# Does one, and prints where that has led.
one() {
    printf '%s %s\n' "$1" "$2"
    "op_$1" "$2" 2> /dev/null
    printf '= %s %s %s\n' "$(git symbolic-ref HEAD)" "$(git rev-parse HEAD)" "$( { git status --porcelain=v1 -uall; git write-tree; } 2>&1 | sha1sum)"
}
